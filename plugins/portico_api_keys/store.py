"""The SQL statements of API keys."""

from collections.abc import Sequence
from typing import Any

import msgspec

from portico.api.db import (
    MAX_IDS_PER_STATEMENT,
    chunks,
    execute,
    fetch_all,
    fetch_one,
    page_offset,
    placeholders,
)
from portico_api_keys.api_key import COLUMNS, SHOWN_CHARS, ApiKey

#: Keys per page.
PAGE_SIZE = 30

_LOCK_OWNER = (
    "INSERT INTO api_keys_owner (account_id, changes) VALUES ($1, 1) "
    "ON CONFLICT (account_id) DO UPDATE SET changes = api_keys_owner.changes + 1"
)
_COUNT = "SELECT COUNT(*) AS n FROM api_keys_key WHERE account_id = $1"
_INSERT = (
    "INSERT INTO api_keys_key (id, account_id, name, prefix, digest, endpoints, scopes, enabled, created_at, expires_at, "
    "encrypted_key) VALUES ($1, $2, $3, $4, $5, $6, $7, TRUE, $8, $9, $10)"
)
_FIND = f"SELECT {COLUMNS} FROM api_keys_key k WHERE k.id = $1"  # noqa: S608 - our own columns
_LIST_OF_OWNER = (
    f"SELECT {COLUMNS} FROM api_keys_key k WHERE k.account_id = $1 ORDER BY k.created_at DESC, k.id"  # noqa: S608
)
_LIST_BY_PREFIX = (
    f"SELECT {COLUMNS} FROM api_keys_key k WHERE k.prefix = $1 ORDER BY k.created_at DESC, k.id"  # noqa: S608
)
_LIST_BY_DIGEST = f"SELECT {COLUMNS} FROM api_keys_key k WHERE k.digest = $1"  # noqa: S608 - our own columns
_FIND_CLIENT_KEY = (
    "SELECT id, encrypted_key FROM api_keys_key WHERE account_id = $1 AND encrypted_key IS NOT NULL"
)
_UPDATE = "UPDATE api_keys_key SET name = $2, enabled = $3 WHERE id = $1"
_DELETE = "DELETE FROM api_keys_key WHERE id = $1 RETURNING id"
# What authentication needs of a key and its owner.
_WITH_OWNER = (
    "SELECT a.id, a.email, a.name, a.role, a.profile_image_url, k.id AS key_id, k.expires_at, k.endpoints, k.scopes "
    "FROM api_keys_key k JOIN portico_account a ON a.id = k.account_id WHERE k.enabled AND "
)
_FIND_WITH_OWNER = _WITH_OWNER + "k.digest = $1"
_VALID = _WITH_OWNER + "(k.expires_at IS NULL OR k.expires_at > $1) AND k.id IN ({})"
_ALL = (
    "SELECT {} FROM api_keys_key k JOIN portico_account a ON a.id = k.account_id "
    "WHERE (CAST($1 AS TEXT) = '' OR k.account_id = $1)"
)


async def lock_owner(account_id: str) -> int:
    """Lock the keys of an account until the transaction ends, and return their number."""
    await execute(_LOCK_OWNER, account_id)
    found = await fetch_one(_COUNT, account_id)
    return int(found["n"]) if found else 0


async def insert(key: ApiKey, digest: str, encrypted_key: str | None) -> None:
    """Store a new key. `encrypted_key`: the key itself, encrypted; only of the key that clients show."""
    restrictions = (_encode_list(key.endpoints), _encode_list(key.scopes))
    at = (key.created_at, key.expires_at)
    await execute(
        _INSERT,
        key.id,
        key.account_id,
        key.name,
        key.prefix,
        digest,
        *restrictions,
        *at,
        encrypted_key,
    )


async def find(key_id: str) -> ApiKey | None:
    """Return the key with this id."""
    found = None if "\x00" in key_id else await fetch_one(_FIND, key_id)
    return _key(found) if found else None


async def list_of_owner(account_id: str) -> list[ApiKey]:
    """Return the keys of an account, newest first."""
    return [_key(row) for row in await fetch_all(_LIST_OF_OWNER, account_id)]


async def list_by_prefix(key: str) -> list[ApiKey]:
    """Return the keys that begin with the first characters of this one, newest first."""
    return [_key(row) for row in await fetch_all(_LIST_BY_PREFIX, key[:SHOWN_CHARS])]


async def list_by_digest(digest: str) -> list[ApiKey]:
    """Return the key with this digest, or an empty list."""
    return [_key(row) for row in await fetch_all(_LIST_BY_DIGEST, digest)]


async def find_client_key(account_id: str) -> dict[str, Any] | None:
    """Return `id` and `encrypted_key` of the key that clients show."""
    return await fetch_one(_FIND_CLIENT_KEY, account_id)


async def update(key: ApiKey) -> None:
    """Store the name of a key and whether it is enabled."""
    await execute(_UPDATE, key.id, key.name, key.enabled)


async def delete(key_id: str) -> bool:
    """Delete a key; return whether it existed."""
    return bool(await fetch_all(_DELETE, key_id))


async def find_with_owner(digest: str) -> dict[str, Any] | None:
    """Return the enabled key with this digest: columns of its owner, `key_id`, `expires_at`, `endpoints`, `scopes`."""
    return await fetch_one(_FIND_WITH_OWNER, digest)


async def valid(key_ids: Sequence[str], at: int) -> list[dict[str, Any]]:
    """Return the enabled keys of these that have not expired, with the columns of `find_with_owner`."""
    found = []
    for some in chunks(key_ids, MAX_IDS_PER_STATEMENT):
        found += await fetch_all(_VALID.format(placeholders(len(some), 2)), at, *some)
    return found


async def page(account_id: str, page: int) -> tuple[list[tuple[ApiKey, str]], int]:
    """Return one page of all keys or of one account, newest first, each with its owner's address; and their total number."""
    columns = f"{COLUMNS}, a.email AS owner"
    order = f" ORDER BY k.created_at DESC, k.id LIMIT {PAGE_SIZE} OFFSET $2"
    found = await fetch_all(_ALL.format(columns) + order, account_id, page_offset(page, PAGE_SIZE))
    total = await fetch_one(_ALL.format("COUNT(*) AS n"), account_id)
    return [(_key(row), row["owner"]) for row in found], int(total["n"]) if total else 0


def _key(row: dict[str, Any]) -> ApiKey:
    columns = {name: row[name] for name in ApiKey.__struct_fields__}
    restrictions = {name: parse_list(row[name]) for name in ("endpoints", "scopes")}
    return ApiKey(**columns | restrictions | {"enabled": bool(row["enabled"])})


def parse_list(text: str | None) -> list[str] | None:
    """Decode a stored restriction."""
    return None if text is None else msgspec.json.decode(text, type=list[str])


def _encode_list(given: list[str] | None) -> str | None:
    return None if given is None else msgspec.json.encode(given).decode()
