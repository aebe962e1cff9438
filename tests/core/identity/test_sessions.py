"""Sessions: opening, resolving, closing and expiry."""

from typing import Any

import pytest

from portico.db import Database, execute, fetch_all
from portico.errors import InvalidRequest
from portico.events import EventBus
from portico.identity import Identity, SessionRevoked
from portico.identity.sessions import sessions
from portico.settings.identity import IdentitySettings

from .conftest import SECRET

pytestmark = pytest.mark.anyio


async def count() -> int:
    return int((await fetch_all("SELECT COUNT(*) AS n FROM portico_session"))[0]["n"])


async def test_token_resolves_to_its_account(identity: Identity, new_account: Any) -> None:
    ann = await new_account("Ann")
    ben = await new_account("Ben", role="user")
    session = await identity.sessions.open(ben)
    actor = await identity.sessions.resolve(session.token)
    assert actor is not None
    assert (actor.id, actor.name, actor.role) == (ben.id, "Ben", "user") and ann.id != ben.id
    assert actor.is_verified and not actor.is_admin


async def test_resolve_takes_one_statement(
    identity: Identity, new_account: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await identity.sessions.open(await new_account("Ann"))
    asked: list[str] = []

    async def counting(sql: str, *args: Any) -> list[dict[str, Any]]:
        asked.append(sql)
        return await database.rows(sql, *args)

    monkeypatch.setattr(sessions, "fetch_all", counting)
    assert await identity.sessions.resolve(session.token)
    assert len(asked) == 1


@pytest.mark.case("AB-04")
async def test_closed_session_stays_closed(
    identity: Identity, new_account: Any, published: list[Any]
) -> None:
    ann = await new_account("Ann")
    session, other = await identity.sessions.open(ann), await identity.sessions.open(ann)
    actor = await identity.sessions.resolve(session.token)
    assert actor is not None
    await identity.sessions.end(session.token)
    assert await identity.sessions.resolve(session.token) is None
    assert await identity.sessions.resolve(other.token) is not None
    assert SessionRevoked(ann.id, actor.session_id, session.expires_at) in published


@pytest.mark.case("AB-04")
async def test_token_without_expiry_can_be_revoked(
    database: Database, bus: EventBus, new_account: Any
) -> None:
    endless = Identity(IdentitySettings(session_lifetime="-1", bcrypt_rounds=4), SECRET, bus)
    session = await endless.sessions.open(await new_account("Ann"))
    assert session.expires_at is None and await endless.sessions.resolve(session.token)
    await endless.sessions.end(session.token)
    assert await endless.sessions.resolve(session.token) is None


async def test_ending_an_invalid_token_does_nothing(
    identity: Identity, new_account: Any, published: list[Any]
) -> None:
    session = await identity.sessions.open(await new_account("Ann"))
    await identity.sessions.end(session.token)
    published.clear()
    for token in ("", "junk", "a.b.c", session.token):
        await identity.sessions.end(token)
    assert published == []


async def test_close_all_ends_every_session(identity: Identity, new_account: Any) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben")
    first, second = await identity.sessions.open(ann), await identity.sessions.open(ann)
    bens = await identity.sessions.open(ben)
    await identity.sessions.close_all(ann.id)
    assert await identity.sessions.resolve(first.token) is None
    assert await identity.sessions.resolve(second.token) is None
    assert await identity.sessions.resolve(bens.token) is not None


@pytest.mark.case("AB-06")
async def test_sign_in_with_the_old_password_fails_after_a_change(
    identity: Identity, new_account: Any
) -> None:
    ann = await new_account("Ann")
    kept, under_way = await identity.sessions.open(ann), await identity.sessions.open(ann)
    await identity.accounts.set_password_hash(ann.id, "x", keep=kept.session_id)
    with pytest.raises(InvalidRequest):
        await identity.sessions.open(ann)
    # As if it had been stored concurrently with the end of the other sessions.
    sql = "INSERT INTO portico_session (id, account_id, created_at, epoch) VALUES ($1, $2, 0, $3)"
    await execute(sql, under_way.session_id, ann.id, ann.epoch)
    assert await identity.sessions.resolve(under_way.token) is None
    assert await identity.sessions.resolve(kept.token) is not None
    again = await identity.accounts.by_id(ann.id)
    assert await identity.sessions.resolve((await identity.sessions.open(again)).token) is not None


async def test_close_all_keeps_the_given_session(identity: Identity, new_account: Any) -> None:
    ann = await new_account("Ann")
    kept, gone = await identity.sessions.open(ann), await identity.sessions.open(ann)
    actor = await identity.sessions.resolve(kept.token)
    assert actor is not None
    await identity.sessions.close_all(ann.id, keep=actor.session_id)
    assert await identity.sessions.resolve(kept.token) is not None
    assert await identity.sessions.resolve(gone.token) is None


async def test_concurrent_sign_in_does_not_survive_close_all(
    identity: Identity, new_account: Any
) -> None:
    """The old password was verified just before it was changed."""
    ann = await new_account("Ann")
    await identity.sessions.close_all(ann.id)
    with pytest.raises(InvalidRequest):
        await identity.sessions.open(ann)
    assert await identity.sessions.open(await identity.accounts.by_id(ann.id))


async def test_deleted_account_cannot_open_a_session(identity: Identity, new_account: Any) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben")
    session = await identity.sessions.open(ben)
    await identity.accounts.delete(ben.id, by=ann.id)
    assert await identity.sessions.resolve(session.token) is None
    with pytest.raises(InvalidRequest):
        await identity.sessions.open(ben)


async def test_session_id_of_another_account_is_refused(
    identity: Identity, new_account: Any
) -> None:
    """Well signed, both halves exist, but they do not belong together."""
    ann, ben = await new_account("Ann"), await new_account("Ben")
    actor = await identity.sessions.resolve((await identity.sessions.open(ben)).token)
    assert actor is not None
    mixed, _ = identity.signer.sign(ann.id, actor.session_id, ann.epoch)
    assert await identity.sessions.resolve(mixed) is None


async def test_tokens_are_not_stored(identity: Identity, new_account: Any) -> None:
    session = await identity.sessions.open(await new_account("Ann"))
    assert session.token.split(".")[2] not in str(await fetch_all("SELECT * FROM portico_session"))


async def test_claims_of_a_closed_session_are_not_cached(
    identity: Identity, new_account: Any
) -> None:
    ann = await new_account("Ann")
    session, other = await identity.sessions.open(ann), await identity.sessions.open(ann)
    for token in (session, other):
        assert await identity.sessions.resolve(token.token)
    known = identity.sessions._signer._cached
    assert set(known) == {session.token, other.token}
    await identity.sessions.end(session.token)
    await identity.sessions.close_all(ann.id)
    assert await identity.sessions.resolve(other.token) is None
    assert not known
