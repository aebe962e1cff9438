"""Connections that last, and end with what let them in. The store decides, whatever else is known."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.core.identity.conftest import SECRET

from portico.db import Database, execute, now
from portico.errors import Unavailable
from portico.events import EventBus
from portico.identity import Actor, Identity
from portico.identity.sessions.live_connections import LiveConnections
from portico.settings.schema import IdentitySettings

pytestmark = pytest.mark.anyio


class Connection:
    """One that lasts, until it is told farewell."""

    def __init__(self, vigil: LiveConnections, actor: Actor | None) -> None:
        self.ended = 0
        self._watched = vigil.track(actor, self._farewell)
        self._watched.__enter__()

    def _farewell(self) -> None:
        self.ended += 1

    def close(self) -> None:
        self._watched.__exit__(None, None, None)


@pytest.fixture
async def signed_in(identity: Identity, new_account: Any) -> Callable[..., Any]:
    """`await session_only("Ann")` is an actor, with a session of their own each time."""
    accounts: dict[str, Any] = {}

    async def enter(name: str) -> Actor:
        if name not in accounts:
            accounts[name] = await new_account(name)
        session = await identity.sessions.open(accounts[name])
        actor = await identity.sessions.resolve(session.token)
        assert actor is not None
        return actor

    return enter


@pytest.fixture
async def watching(identity: Identity) -> AsyncIterator[LiveConnections]:
    identity.live_connections.start()
    yield identity.live_connections
    await identity.live_connections.stop()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.mark.case("AB-05")
async def test_revocation_in_this_process_closes_connections_at_once(
    identity: Identity, signed_in: Any
) -> None:
    ann, also_ann, ben = await signed_in("Ann"), await signed_in("Ann"), await signed_in("Ben")
    here, twice, elsewhere, other = (
        Connection(identity.live_connections, one) for one in (ann, ann, also_ann, ben)
    )
    await identity.sessions.close(ann.session_id)
    assert (here.ended, twice.ended, elsewhere.ended, other.ended) == (1, 1, 0, 0)


@pytest.mark.case("AB-07")
async def test_deleted_account_has_no_connections(identity: Identity, signed_in: Any) -> None:
    await signed_in("Ada")
    ben = await signed_in("Ben")
    connection = Connection(identity.live_connections, ben)
    await identity.accounts.delete(ben.id, by=None)
    assert connection.ended


@pytest.mark.case("AB-07")
async def test_revocation_by_another_instance_is_found_in_the_database(
    identity: Identity, signed_in: Any, watching: LiveConnections
) -> None:
    ann, ben = await signed_in("Ann"), await signed_in("Ben")
    connection, other = Connection(watching, ann), Connection(watching, ben)
    await execute("DELETE FROM portico_session WHERE id = $1", ann.session_id)
    await until(lambda: connection.ended)
    assert not other.ended


async def test_expired_session_closes_its_connections(
    identity: Identity, signed_in: Any, watching: LiveConnections
) -> None:
    ann = await signed_in("Ann")
    connection = Connection(watching, ann)
    await execute(
        "UPDATE portico_session SET expires_at = $1 WHERE id = $2", now() - 1, ann.session_id
    )
    await until(lambda: connection.ended)


@pytest.mark.case("AB-06")
async def test_password_change_keeps_connections_of_the_kept_session(
    identity: Identity, signed_in: Any, watching: LiveConnections
) -> None:
    kept, gone = await signed_in("Ann"), await signed_in("Ann")
    staying, going = Connection(watching, kept), Connection(watching, gone)
    await identity.accounts.set_password_hash(kept.id, "a hash", keep=kept.session_id)
    await until(lambda: going.ended)
    await identity.live_connections.recheck_all()
    assert not staying.ended


async def test_caches_are_cleared_before_connections_are_closed(
    database: Database, bus: EventBus, new_account: Any
) -> None:
    """A client that is sent away and comes back at once is refused, however long sessions are remembered."""
    remembering = Identity(IdentitySettings(session_cache_seconds=3600), SECRET, bus)
    session = await remembering.sessions.open(await new_account("Ann"))
    ann = await remembering.sessions.resolve(session.token)
    connection = Connection(remembering.live_connections, ann)
    await execute("DELETE FROM portico_session WHERE id = $1", session.session_id)
    assert await remembering.sessions.resolve(session.token) == ann

    await remembering.live_connections.recheck_all()
    assert connection.ended
    assert await remembering.sessions.resolve(session.token) is None


async def test_closed_connections_are_not_tracked(identity: Identity, signed_in: Any) -> None:
    ann = await signed_in("Ann")
    connections = [Connection(identity.live_connections, ann) for _ in range(3)]
    assert len(identity.live_connections) == 1
    for connection in connections:
        connection.close()
    assert len(identity.live_connections) == 0
    await identity.sessions.close(ann.session_id)
    assert not any(connection.ended for connection in connections)


async def test_public_connections_are_not_tracked(identity: Identity) -> None:
    connection = Connection(identity.live_connections, None)
    assert len(identity.live_connections) == 0
    connection.close()


async def test_a_thousand_sessions_are_checked_in_three_statements(
    identity: Identity, signed_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await signed_in("Ann")
    asked: list[int] = []

    async def counted(session_ids: list[str]) -> set[str]:
        asked.append(len(session_ids))
        return set(session_ids)

    monkeypatch.setattr("portico.identity.sessions.live_connections.valid_session_ids", counted)
    for n in range(1001):
        Connection(
            identity.live_connections, Actor(*[ann.id, "", "", "user", ""], session_id=f"s-{n}")
        )
    await identity.live_connections.recheck_all()
    assert asked == [500, 500, 1]


class Keys:
    """Knows of keys, as a plugin would."""

    kind, prefix = "key", "sk-"

    def __init__(self) -> None:
        self.good = {"k1", "k2"}
        self.away = False

    async def authenticate(self, token: str) -> Actor | None:
        return None

    async def still_valid(self, session_ids: list[str]) -> set[str]:
        if self.away:
            raise Unavailable
        return self.good & set(session_ids)


def key_holder(actor: Actor, key: str) -> Actor:
    return Actor(actor.id, "", "", "user", "", session_id=key, credential="key")


@pytest.mark.case("AB-21")
async def test_connections_of_a_key_are_closed_with_the_key(
    identity: Identity, signed_in: Any, watching: LiveConnections
) -> None:
    keys, ann = Keys(), await signed_in("Ann")
    identity.auth.add_providers(token_authenticators=[keys])
    one, two = (Connection(watching, key_holder(ann, key)) for key in ("k1", "k2"))
    keys.good.remove("k1")
    await until(lambda: one.ended)
    assert not two.ended


async def test_connections_of_an_unknown_credential_kind_are_closed(
    identity: Identity, signed_in: Any, watching: LiveConnections
) -> None:
    connection = Connection(watching, key_holder(await signed_in("Ann"), "k1"))
    await until(lambda: connection.ended)


async def test_connections_are_closed_if_an_authenticator_fails_for_the_grace_period(
    signed_in: Any, identity: Identity
) -> None:
    keys, ann = Keys(), await signed_in("Ann")
    vigil = LiveConnections(0.2, [keys])
    connection, other = Connection(vigil, key_holder(ann, "k1")), Connection(vigil, ann)
    keys.away = True
    await vigil.recheck_all()
    assert not connection.ended  # for a moment nobody can be asked, which is no reason
    vigil.start()
    await until(lambda: connection.ended)
    await vigil.stop()
    assert not other.ended


async def test_connections_are_closed_if_the_database_fails_for_the_grace_period(
    signed_in: Any, identity: Identity, database: Database
) -> None:
    connection = Connection(vigil := LiveConnections(0.2, []), await signed_in("Ann"))
    vigil.start()
    await database.stop()
    await until(lambda: connection.ended)
    await vigil.stop()
    await database.start()
