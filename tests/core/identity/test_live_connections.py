"""Open connections: tracked by credential, and closed when it is revoked."""

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
from portico.settings.identity import IdentitySettings

pytestmark = pytest.mark.anyio


class Connection:
    """An open connection that counts how often it was ended."""

    def __init__(self, registry: LiveConnections, actor: Actor | None) -> None:
        self.ended = 0
        self._tracked = registry.track(actor, self._on_revoked)
        self._tracked.__enter__()

    def _on_revoked(self) -> None:
        self.ended += 1

    def close(self) -> None:
        self._tracked.__exit__(None, None, None)


@pytest.fixture
async def signed_in(identity: Identity, new_account: Any) -> Callable[..., Any]:
    """`await signed_in("Ann")` returns an actor with a new session."""
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
async def running(identity: Identity) -> AsyncIterator[LiveConnections]:
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
        Connection(identity.live_connections, actor) for actor in (ann, ann, also_ann, ben)
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
    identity: Identity, signed_in: Any, running: LiveConnections
) -> None:
    ann, ben = await signed_in("Ann"), await signed_in("Ben")
    connection, other = Connection(running, ann), Connection(running, ben)
    await execute("DELETE FROM portico_session WHERE id = $1", ann.session_id)
    await until(lambda: connection.ended)
    assert not other.ended


async def test_expired_session_closes_its_connections(
    identity: Identity, signed_in: Any, running: LiveConnections
) -> None:
    ann = await signed_in("Ann")
    connection = Connection(running, ann)
    await execute(
        "UPDATE portico_session SET expires_at = $1 WHERE id = $2", now() - 1, ann.session_id
    )
    await until(lambda: connection.ended)


@pytest.mark.case("AB-06")
async def test_password_change_keeps_connections_of_the_kept_session(
    identity: Identity, signed_in: Any, running: LiveConnections
) -> None:
    kept, gone = await signed_in("Ann"), await signed_in("Ann")
    staying, going = Connection(running, kept), Connection(running, gone)
    await identity.accounts.set_password_hash(kept.id, "a hash", keep=kept.session_id)
    await until(lambda: going.ended)
    await identity.live_connections.recheck_all()
    assert not staying.ended


async def test_caches_are_cleared_before_connections_are_closed(
    database: Database, bus: EventBus, new_account: Any
) -> None:
    """A client that reconnects at once is refused, although sessions are cached."""
    cached_identity = Identity(IdentitySettings(session_cache_seconds=3600), SECRET, bus)
    session = await cached_identity.sessions.open(await new_account("Ann"))
    ann = await cached_identity.sessions.resolve(session.token)
    connection = Connection(cached_identity.live_connections, ann)
    await execute("DELETE FROM portico_session WHERE id = $1", session.session_id)
    assert await cached_identity.sessions.resolve(session.token) == ann

    await cached_identity.live_connections.recheck_all()
    assert connection.ended
    assert await cached_identity.sessions.resolve(session.token) is None


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
    counts: list[int] = []

    async def counted(session_ids: list[str]) -> set[str]:
        counts.append(len(session_ids))
        return set(session_ids)

    monkeypatch.setattr("portico.identity.sessions.live_connections.valid_session_ids", counted)
    for n in range(1001):
        Connection(
            identity.live_connections, Actor(*[ann.id, "", "", "user", ""], session_id=f"s-{n}")
        )
    await identity.live_connections.recheck_all()
    assert counts == [500, 500, 1]


class Keys:
    """A token authenticator."""

    kind, prefix = "key", "sk-"

    def __init__(self) -> None:
        self.valid = {"k1", "k2"}
        self.unavailable = False

    async def authenticate(self, token: str) -> Actor | None:
        return None

    async def still_valid(self, session_ids: list[str]) -> set[str]:
        if self.unavailable:
            raise Unavailable
        return self.valid & set(session_ids)


def key_holder(actor: Actor, key: str) -> Actor:
    return Actor(actor.id, "", "", "user", "", session_id=key, credential="key")


@pytest.mark.case("AB-21")
async def test_connections_of_a_key_are_closed_with_the_key(
    identity: Identity, signed_in: Any, running: LiveConnections
) -> None:
    keys, ann = Keys(), await signed_in("Ann")
    identity.auth.add_providers(token_authenticators=[keys])
    one, two = (Connection(running, key_holder(ann, key)) for key in ("k1", "k2"))
    keys.valid.remove("k1")
    await until(lambda: one.ended)
    assert not two.ended


async def test_connections_of_an_unknown_credential_kind_are_closed(
    identity: Identity, signed_in: Any, running: LiveConnections
) -> None:
    connection = Connection(running, key_holder(await signed_in("Ann"), "k1"))
    await until(lambda: connection.ended)


async def test_connections_are_closed_if_an_authenticator_fails_for_the_grace_period(
    signed_in: Any, identity: Identity
) -> None:
    keys, ann = Keys(), await signed_in("Ann")
    registry = LiveConnections(0.2, [keys])
    connection, other = Connection(registry, key_holder(ann, "k1")), Connection(registry, ann)
    keys.unavailable = True
    await registry.recheck_all()
    assert not connection.ended  # the grace period has not passed
    registry.start()
    await until(lambda: connection.ended)
    await registry.stop()
    assert not other.ended


async def test_connections_are_closed_if_the_database_fails_for_the_grace_period(
    signed_in: Any, identity: Identity, database: Database
) -> None:
    connection = Connection(registry := LiveConnections(0.2, []), await signed_in("Ann"))
    registry.start()
    await database.stop()
    await until(lambda: connection.ended)
    await registry.stop()
    await database.start()
