"""Two instances refresh the tokens of one database: a refresh token is sent once, and all get the result."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from tests.plugins.oauth.authorization_server import AuthorizationServer, Query
from tests.plugins.oauth.browser import APP_URL, Browser

from portico.api.auth import ProviderTokens
from portico.api.db import execute, fetch_all, with_clock
from portico.testing import InProcessApp

pytestmark = pytest.mark.usefixtures("admin")

CLAIMED_BY_KILLED = (
    "UPDATE oauth_session SET refresh_claim = 'killed', refresh_claimed_until = {clock} + $1"
)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """One connection to PostgreSQL: a process that holds it while a provider answers cannot do anything else."""
    return env | {"DATABASE_POOL_SIZE": "1", "DATABASE_POOL_MAX_OVERFLOW": "0"}


class SlowRefreshes:
    """The provider's token endpoint, whose answers to refreshes wait until `answer` is set.

    `sent`: the refresh tokens that it has received; those of `used` count as used. `first_is_last`: it handles the first
    request after the others.
    """

    def __init__(self, server: AuthorizationServer) -> None:
        self.answer, self.first_is_last = threading.Event(), False
        self.sent: list[str] = []
        self.used: list[str] = []
        self._respond = server.respond
        server.respond = self.respond  # type: ignore[method-assign]

    def respond(self, path: str, query: Query, headers: Query) -> tuple[int, Query, bytes]:
        if query.get("grant_type") != "refresh_token":
            return self._respond(path, query, headers)
        token, is_late = query["refresh_token"], self.first_is_last and not self.sent
        self.sent.append(token)
        if is_late:
            assert self.answer.wait(30)
        response = self._respond(path, query, headers)
        self.used.append(token)
        assert self.answer.wait(30)
        return response


class Instance:
    """One application. `reads`: how often it has read the claim of another one."""

    def __init__(self, app: InProcessApp, session_id: str, patch: pytest.MonkeyPatch) -> None:
        self.app, self.session_id, self.reads = app, session_id, 0
        self.tokens: Any = app.portico.context.services.require(ProviderTokens)
        rows = app.portico.database.rows

        async def counted(sql: str, *args: Any) -> Any:
            found = await rows(sql, *args)
            self.reads += "is_held" in sql
            return found

        patch.setattr(app.portico.database, "rows", counted)

    def start(self) -> "Future[str | None]":
        """Ask for the access token."""
        return self.app.start(self.tokens.access_token, self.session_id)

    def run(self, sql: str, *args: Any) -> None:
        """Change the database. `{clock}`: the time of its clock."""

        async def change() -> None:
            await execute(with_clock(sql), *args)

        self.app.run(change)


@pytest.fixture
def slow(provider_server: AuthorizationServer) -> Iterator[SlowRefreshes]:
    slow = SlowRefreshes(provider_server)
    yield slow
    slow.answer.set()


@pytest.fixture
def two(
    app: InProcessApp,
    env: dict[str, str],
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
    slow: SlowRefreshes,
) -> Iterator[tuple[Instance, Instance]]:
    """Two instances of one database, and a user who has signed in at the provider."""
    assert browser.sign_in().account
    session_id = browser.cookies[APP_URL]["oauth_session_id"]
    other = InProcessApp(env)
    yield Instance(app, session_id, monkeypatch), Instance(other, session_id, monkeypatch)
    slow.answer.set()
    other.close()


def expire_in(instance: Instance, left: int) -> None:
    """Let the stored token expire in so many seconds."""
    instance.run("UPDATE oauth_session SET expires_at = $1", int(time.time()) + left)


def rows_of(instance: Instance) -> list[dict[str, Any]]:
    return list(instance.app.run(fetch_all, "SELECT * FROM oauth_session"))


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def start_both(
    two: tuple[Instance, Instance], slow: SlowRefreshes
) -> tuple["Future[str | None]", "Future[str | None]"]:
    """Ask both instances while the provider answers the first one. The second waits, unless it sends a request too."""
    first, second = two
    sent, reads = len(slow.sent), second.reads
    asked = first.start()
    wait_until(lambda: len(slow.sent) > sent)
    asked_too = second.start()
    wait_until(lambda: second.reads >= reads + 2 or len(slow.sent) > sent + 1 or asked_too.done())
    assert not asked.done()
    return asked, asked_too


@pytest.mark.both_databases
@pytest.mark.parametrize("left", [-1, 100])
def test_two_instances_send_refresh_token_once_and_share_the_result(
    two: tuple[Instance, Instance], slow: SlowRefreshes, left: int
) -> None:
    expire_in(two[0], left)
    asked, asked_too = start_both(two, slow)
    assert two[0].app.run(fetch_all, "SELECT 1 AS one"), "its only connection is free"
    slow.answer.set()
    assert (asked.result(30) or "").startswith("access-")
    assert asked_too.result(30) == asked.result()
    assert len(slow.sent) == 1
    expire_in(two[0], left)
    assert two[1].start().result(30) not in (None, asked.result()), "the claim is free"
    assert len(slow.sent) == len(set(slow.sent)) == 2


def test_waiting_instance_takes_the_rejection_of_the_other(
    two: tuple[Instance, Instance], slow: SlowRefreshes, provider_server: AuthorizationServer
) -> None:
    provider_server.refreshes = False
    expire_in(two[0], 100)
    asked, asked_too = start_both(two, slow)
    slow.answer.set()
    assert (asked.result(30), asked_too.result(30)) == (None, None)
    assert len(slow.sent) == 1 and rows_of(two[0]) == []


@pytest.mark.parametrize("left", [-1, 100])
def test_waiting_instance_takes_the_failure_of_the_other(
    two: tuple[Instance, Instance],
    slow: SlowRefreshes,
    provider_server: AuthorizationServer,
    left: int,
) -> None:
    before = two[0].start().result(30)
    provider_server.broken["/token"] = (503, b"")
    expire_in(two[0], left)
    asked, asked_too = start_both(two, slow)
    slow.answer.set()
    assert asked.result(30) == asked_too.result(30) == (before if left > 0 else None)
    assert len(slow.sent) == 1
    provider_server.broken.clear()
    assert two[1].start().result(30) not in (None, before)


@pytest.mark.both_databases
@pytest.mark.case("FT-01")
def test_claim_of_killed_process_expires(
    two: tuple[Instance, Instance], slow: SlowRefreshes
) -> None:
    slow.answer.set()
    expire_in(two[0], -1)
    two[0].run(CLAIMED_BY_KILLED, 30)
    asked = [instance.start() for instance in two]
    wait_until(lambda: min(instance.reads for instance in two) >= 2)
    assert slow.sent == []
    two[0].run(CLAIMED_BY_KILLED, -1)
    first, second = (one.result(30) for one in asked)
    assert first is not None and first == second
    assert len(slow.sent) == 1


@pytest.mark.case("FT-06")
def test_claim_from_before_database_clock_was_set_back_does_not_count(
    two: tuple[Instance, Instance], slow: SlowRefreshes
) -> None:
    slow.answer.set()
    expire_in(two[0], -1)
    two[0].run(CLAIMED_BY_KILLED, 86400)
    assert two[1].start().result(30) is not None
    assert len(slow.sent) == 1


@pytest.mark.both_databases
def test_late_rejection_does_not_delete_the_token_of_another_instance(
    two: tuple[Instance, Instance], slow: SlowRefreshes
) -> None:
    """The first instance's request takes so long that its claim expires, and the provider handles it last."""
    slow.first_is_last = True
    expire_in(two[0], -1)
    late = two[0].start()
    wait_until(lambda: slow.sent)
    two[0].run(CLAIMED_BY_KILLED, -1)
    fast = two[1].start()
    wait_until(lambda: slow.used)
    slow.answer.set()
    assert (fast.result(30) or "").startswith("access-")
    assert late.result(30) == fast.result()
    assert two[0].start().result(30) == fast.result()


@pytest.mark.case("FT-05")
def test_refresh_is_stored_although_its_request_is_cancelled(
    two: tuple[Instance, Instance], slow: SlowRefreshes
) -> None:
    expire_in(two[0], -1)

    async def cancelled() -> None:
        asking = asyncio.create_task(two[0].tokens.access_token(two[0].session_id))
        while not slow.sent:
            await asyncio.sleep(0.01)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking

    two[0].app.run(cancelled)
    waiting = two[1].start()
    wait_until(lambda: two[1].reads >= 2)
    slow.answer.set()
    assert waiting.result(30) is not None
    assert len(slow.sent) == 1
    assert two[0].start().result(30) == waiting.result()


def test_stop_waits_for_running_refresh(
    two: tuple[Instance, Instance], slow: SlowRefreshes
) -> None:
    expire_in(two[0], -1)
    asked = two[0].start()
    wait_until(lambda: slow.sent)
    closing = two[0].app.start(two[0].tokens.close)
    slow.answer.set()
    closing.result(30)
    assert asked.result(30) == two[1].start().result(30) is not None
    assert len(slow.sent) == 1
