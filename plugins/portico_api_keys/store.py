"""The rows of keys: every statement there is, and no rule."""

from collections.abc import Sequence
from typing import Any

import msgspec

from portico.api import MAX_IDS_PER_STATEMENT, chunks, execute, fetch_all, fetch_one, placeholders
from portico_api_keys.api_key import COLUMNS, SHOWN, ApiKey

#: Keys on one page.
PAGE = 30

_TAKE = (
    "INSERT INTO api_keys_owner (account_id, changes) VALUES ($1, 1) "
    "ON CONFLICT (account_id) DO UPDATE SET changes = api_keys_owner.changes + 1"
)
_COUNT = "SELECT COUNT(*) AS n FROM api_keys_key WHERE account_id = $1"
_INSERT = (
    "INSERT INTO api_keys_key (id, account_id, name, prefix, digest, endpoints, scopes, enabled, created_at, expires_at, "
    "encrypted_key) VALUES ($1, $2, $3, $4, $5, $6, $7, TRUE, $8, $9, $10)"
)
_FIND = f"SELECT {COLUMNS} FROM api_keys_key k WHERE k.id = $1"  # noqa: S608 - our own columns
_OWN = (
    f"SELECT {COLUMNS} FROM api_keys_key k WHERE k.account_id = $1 ORDER BY k.created_at DESC, k.id"  # noqa: S608
)
_BEGINNING = (
    f"SELECT {COLUMNS} FROM api_keys_key k WHERE k.prefix = $1 ORDER BY k.created_at DESC, k.id"  # noqa: S608
)
_OF_DIGEST = f"SELECT {COLUMNS} FROM api_keys_key k WHERE k.digest = $1"  # noqa: S608 - our own columns
_SHOWN = (
    "SELECT id, encrypted_key FROM api_keys_key WHERE account_id = $1 AND encrypted_key IS NOT NULL"
)
_UPDATE = "UPDATE api_keys_key SET name = $2, enabled = $3 WHERE id = $1"
_DELETE = "DELETE FROM api_keys_key WHERE id = $1 RETURNING id"
# Everything that a request needs to know about a key and its owner.
_KNOWN = (
    "SELECT a.id, a.email, a.name, a.role, a.profile_image_url, k.id AS key_id, k.expires_at, k.endpoints, k.scopes "
    "FROM api_keys_key k JOIN portico_account a ON a.id = k.account_id WHERE k.enabled AND "
)
_RESOLVE = _KNOWN + "k.digest = $1"
_GOOD = _KNOWN + "(k.expires_at IS NULL OR k.expires_at > $1) AND k.id IN ({})"
_ANYBODYS = (
    "SELECT {} FROM api_keys_key k JOIN portico_account a ON a.id = k.account_id "
    "WHERE (CAST($1 AS TEXT) = '' OR k.account_id = $1)"
)


async def lock_owner(account_id: str) -> int:
    """How many keys somebody has; until the transaction ends nobody else makes one for them."""
    await execute(_TAKE, account_id)
    found = await fetch_one(_COUNT, account_id)
    return int(found["n"]) if found else 0


async def insert(key: ApiKey, digest: str, locked: str | None) -> None:
    limits = (_text(key.endpoints), _text(key.scopes))
    at = (key.created_at, key.expires_at)
    await execute(
        _INSERT, key.id, key.account_id, key.name, key.prefix, digest, *limits, *at, locked
    )


async def find(key_id: str) -> ApiKey | None:
    found = None if "\x00" in key_id else await fetch_one(_FIND, key_id)
    return _key(found) if found else None


async def list_own(account_id: str) -> list[ApiKey]:
    """Newest first."""
    return [_key(found) for found in await fetch_all(_OWN, account_id)]


async def beginning(key: str) -> list[ApiKey]:
    """Those that begin like this key, as far as that is kept."""
    return [_key(found) for found in await fetch_all(_BEGINNING, key[:SHOWN])]


async def of_digest(digest: str) -> list[ApiKey]:
    """The one of this digest, if there is one."""
    return [_key(found) for found in await fetch_all(_OF_DIGEST, digest)]


async def shown(account_id: str) -> dict[str, Any] | None:
    """The id and the locked copy of the one key that clients show."""
    return await fetch_one(_SHOWN, account_id)


async def update(key: ApiKey) -> None:
    await execute(_UPDATE, key.id, key.name, key.enabled)


async def delete(key_id: str) -> bool:
    """Whether it was there."""
    return bool(await fetch_all(_DELETE, key_id))


async def resolve(digest: str) -> dict[str, Any] | None:
    return await fetch_one(_RESOLVE, digest)


async def valid(key_ids: Sequence[str], at: int) -> list[dict[str, Any]]:
    """Those that are enabled and have not expired, as `resolve` tells them."""
    found = []
    for some in chunks(key_ids, MAX_IDS_PER_STATEMENT):
        found += await fetch_all(_GOOD.format(placeholders(len(some), 2)), at, *some)
    return found


async def page(account_id: str, page: int) -> tuple[list[tuple[ApiKey, str]], int]:
    """One page of all keys, or of somebody's: newest first, each with its owner's e-mail address; how many in all."""
    columns = f"{COLUMNS}, a.email AS owner"
    order = f" ORDER BY k.created_at DESC, k.id LIMIT {PAGE} OFFSET $2"
    found = await fetch_all(_ANYBODYS.format(columns) + order, account_id, (page - 1) * PAGE)
    total = await fetch_one(_ANYBODYS.format("COUNT(*) AS n"), account_id)
    return [(_key(one), one["owner"]) for one in found], int(total["n"]) if total else 0


def _key(found: dict[str, Any]) -> ApiKey:
    columns = {name: found[name] for name in ApiKey.__struct_fields__}
    limits = {name: parse_words(found[name]) for name in ("endpoints", "scopes")}
    return ApiKey(**columns | limits | {"enabled": bool(found["enabled"])})


def parse_words(text: str | None) -> list[str] | None:
    """What is stored of a limit."""
    return None if text is None else msgspec.json.decode(text, type=list[str])


def _text(given: list[str] | None) -> str | None:
    return None if given is None else msgspec.json.encode(given).decode()
