"""The operator's pages that are kept in the database: saved whole, never changed, the last version counts."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from portico.db import execute, fetch_all, fetch_one, now
from portico.permissions.policies.files import PolicyFile

_SAVE = "INSERT INTO portico_policy (at, author, pages) VALUES ($1, $2, $3) RETURNING number"
_LAST = "SELECT number, pages FROM portico_policy ORDER BY number DESC LIMIT 1"
_VERSION = (
    "SELECT p.number, p.at, p.author, who.name AS author_name, p.pages FROM portico_policy p "
    "LEFT JOIN portico_account who ON who.id = p.author "
)
# Whoever is first to see other pages than the last ones notes the change; all others find them there.
_SEE = "UPDATE portico_policy_seen SET digest = $1, pages = $2 WHERE id = 1 AND digest <> $1"

#: Versions on one page of a list.
PAGE = 20
#: No version has a number beyond.
LAST = 2**62

Texts = Mapping[str, str]


class PolicyVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One save. Units: `at` in epoch seconds. Shape: `pages` are texts by name.

    `author`: an account's id, or empty for the command line; `author_name`: as it is called today, None if it is gone.
    """

    number: int
    at: int
    author: str
    author_name: str | None
    pages: dict[str, str]


async def save(texts: Texts, author: str) -> int:
    """Keep these pages from now on. Returns the number of the version."""
    (saved,) = await fetch_all(_SAVE, now(), author, msgspec.json.encode(texts).decode())
    return int(saved["number"])


async def lock() -> None:
    """Take turns with others who save: what is read after this is what the next save stands on."""
    await execute("UPDATE portico_policy_seen SET digest = digest WHERE id = 1")


async def last_number() -> int:
    """The number of the version that counts; 0 = none was ever saved."""
    found = await fetch_one("SELECT MAX(number) AS number FROM portico_policy")
    return int(found["number"] or 0) if found else 0


async def latest() -> tuple[int, dict[str, str]]:
    """The version that counts, and its pages."""
    found = await fetch_one(_LAST)
    if found is None:
        return 0, {}
    return int(found["number"]), msgspec.json.decode(found["pages"], type=dict[str, str])


async def versions(before: int | None = None) -> list[PolicyVersion]:
    """The newest 20 versions with a number below `before`. Shape: newest first."""
    below = LAST if before is None else max(min(before, LAST), 0)
    found = await fetch_all(
        f"{_VERSION} WHERE p.number < $1 ORDER BY p.number DESC LIMIT {PAGE}", below
    )
    return [_version(one) for one in found]


async def version(number: int) -> PolicyVersion | None:
    """One version."""
    found = (
        await fetch_one(f"{_VERSION} WHERE p.number = $1", number) if 0 < number < LAST else None
    )
    return _version(found) if found else None


def as_pages(texts: Texts) -> list[PolicyFile]:
    """Texts as pages of law."""
    return [PolicyFile(name, f"database/{name}", texts[name]) for name in sorted(texts)]


async def last_active() -> list[PolicyFile]:
    """The pages that were in force last, in this process or another; none before the first start."""
    found = await fetch_one("SELECT pages FROM portico_policy_seen WHERE id = 1")
    pages = msgspec.json.decode(found["pages"]) if found else []
    return [PolicyFile(*page) for page in pages]


async def mark_active(pages: Sequence[PolicyFile]) -> bool:
    """Note that these pages are in force. Returns whether that was not known. Call it in a transaction."""
    text = msgspec.json.encode([[page.name, page.location, page.text] for page in pages]).decode()
    # By name and text: where a page stands may differ between two machines with the same law.
    body = msgspec.json.encode([[page.name, page.text] for page in pages])
    return bool(await execute(_SEE, hashlib.sha256(body).hexdigest(), text))


def _version(found: dict[str, Any]) -> PolicyVersion:
    pages = msgspec.json.decode(found["pages"], type=dict[str, str])
    return PolicyVersion(**found | {"pages": pages})
