"""Policy files saved over HTTP: each version holds all of them and is never changed; the latest version counts."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from portico.db import MAX_INT64, execute, fetch_all, fetch_one, now
from portico.permissions.policies.files import PolicyFile

_SAVE = (
    "INSERT INTO portico_policy_version (at, author, files) VALUES ($1, $2, $3) RETURNING number"
)
_LATEST = "SELECT number, files FROM portico_policy_version ORDER BY number DESC LIMIT 1"
_VERSION = (
    "SELECT p.number, p.at, p.author, a.name AS author_name, p.files "
    "FROM portico_policy_version p LEFT JOIN portico_account a ON a.id = p.author "
)
# The first process that activates changed files updates the row; for all others it is up to date already.
_MARK_ACTIVE = (
    "UPDATE portico_policy_active SET digest = $1, files = $2 WHERE id = 1 AND digest <> $1"
)

#: Versions on one page of a list.
PAGE_SIZE = 20

Texts = Mapping[str, str]


class PolicyVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One saved version. Units: `at` in epoch seconds. Shape: `files` are texts by name.

    `author`: an account's id, or empty for the command line; `author_name`: its name today, None if it was deleted.
    """

    number: int
    at: int
    author: str
    author_name: str | None
    files: dict[str, str]


async def save(texts: Texts, author: str) -> int:
    """Save these files as the latest version. Returns its number."""
    (saved,) = await fetch_all(_SAVE, now(), author, msgspec.json.encode(texts).decode())
    return int(saved["number"])


async def lock() -> None:
    """Wait until no other transaction saves, and make others wait until this one ends."""
    await execute("UPDATE portico_policy_active SET digest = digest WHERE id = 1")


async def last_number() -> int:
    """Return the number of the latest version; 0 = nothing was ever saved."""
    found = await fetch_one("SELECT MAX(number) AS number FROM portico_policy_version")
    return int(found["number"] or 0) if found else 0


async def latest() -> tuple[int, dict[str, str]]:
    """Return the number of the latest version and its files; 0 and none if nothing was ever saved."""
    found = await fetch_one(_LATEST)
    if found is None:
        return 0, {}
    return int(found["number"]), msgspec.json.decode(found["files"], type=dict[str, str])


async def versions(before: int | None = None) -> list[PolicyVersion]:
    """Return the newest 20 versions with a number below `before`, newest first."""
    below = MAX_INT64 if before is None else max(min(before, MAX_INT64), 0)
    found = await fetch_all(
        f"{_VERSION} WHERE p.number < $1 ORDER BY p.number DESC LIMIT {PAGE_SIZE}", below
    )
    return [_version(row) for row in found]


async def version(number: int) -> PolicyVersion | None:
    """Return one version, or None."""
    if not 0 < number < MAX_INT64:
        return None
    found = await fetch_one(f"{_VERSION} WHERE p.number = $1", number)
    return _version(found) if found else None


def as_files(texts: Texts) -> list[PolicyFile]:
    """Return saved texts as policy files, by name."""
    return [PolicyFile(name, f"database/{name}", texts[name]) for name in sorted(texts)]


async def last_active() -> list[PolicyFile]:
    """Return the files that were active last, in this process or another; none before the first start."""
    found = await fetch_one("SELECT files FROM portico_policy_active WHERE id = 1")
    files = msgspec.json.decode(found["files"]) if found else []
    return [PolicyFile(*file) for file in files]


async def mark_active(files: Sequence[PolicyFile]) -> bool:
    """Store these files as the active ones. Returns whether they differ from those before. Call it in a transaction."""
    text = msgspec.json.encode([[file.name, file.location, file.text] for file in files]).decode()
    # By name and text: the location may differ between two machines with the same policies.
    body = msgspec.json.encode([[file.name, file.text] for file in files])
    return bool(await execute(_MARK_ACTIVE, hashlib.sha256(body).hexdigest(), text))


def _version(row: dict[str, Any]) -> PolicyVersion:
    files = msgspec.json.decode(row["files"], type=dict[str, str])
    return PolicyVersion(**row | {"files": files})
