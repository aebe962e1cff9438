"""Reads entries, seals and the end of the chain from the database."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from portico.audit.chain.digests import ChainEnd, Seal
from portico.db import Row, fetch_all, fetch_all_in_thread, fetch_one, now
from portico.instances import live_instances

#: Rows that are read by one statement, and digested at a time: a few milliseconds.
BLOCK_ROWS: Final = 200
#: The migration that an instance must know. One that does not would change sealed entries.
_STEP: Final = ("audit", "0003_chain")
#: Digits of the number of a segment.
MAX_DIGITS: Final = 15

_END: Final = (
    "SELECT segment, digest, removed_through, signature FROM portico_audit_chain WHERE id = 1"
)
_ENTRIES: Final = (
    "SELECT number, at, author, event, resource_kind, resource_id, old, new, segment, salt, dropped, signature "  # noqa: S608
    "FROM portico_audit WHERE (segment, number) > ($1, $2) AND segment <= $3 "
    f"ORDER BY segment, number LIMIT {BLOCK_ROWS}"
)
_SEAL_COLUMNS: Final = (
    "segment, sealed_at, entries, numbers, newest_at, content, previous, broken, signature"
)
_SEALS: Final = (
    f"SELECT {_SEAL_COLUMNS} FROM portico_audit_seal WHERE segment > $1 AND segment <= $2 "  # noqa: S608
    f"ORDER BY segment LIMIT {BLOCK_ROWS}"
)
_NEWEST_SEAL: Final = (
    f"SELECT {_SEAL_COLUMNS} FROM portico_audit_seal ORDER BY segment DESC LIMIT 1"  # noqa: S608
)


async def chain_end() -> ChainEnd | None:
    """Return the end of the chain as it is stored; None if its row is missing."""
    row = await fetch_one(_END)
    return None if row is None else msgspec.convert(row, ChainEnd)


async def newest_seal() -> Seal | None:
    """Return the seal with the largest number, which need not be the end of the chain."""
    row = await fetch_one(_NEWEST_SEAL)
    return None if row is None else msgspec.convert(row, Seal)


async def entries_of_segments(first: int, last: int) -> AsyncIterator[Row]:
    """Yield the entries of these segments, by segment and number. Holds no connection between two blocks."""
    after = first - 1, 2**63 - 1
    while True:
        block = await fetch_all_in_thread(_ENTRIES, *after, last)
        for row in block:
            yield row
        if len(block) < BLOCK_ROWS:
            return
        after = block[-1]["segment"], block[-1]["number"]


async def seals(first: int, last: int) -> AsyncIterator[Seal]:
    """Yield the seals of these segments, by number."""
    after = first - 1
    while block := await fetch_all(_SEALS, after, last):
        for row in block:
            yield msgspec.convert(row, Seal)
        after = block[-1]["segment"]


async def has_seal(text: str) -> bool:
    """Return whether the chain has a seal, written as in `ChainReport.newest_seal`: `<segment>:<digest>`."""
    segment, _, digest = text.partition(":")
    if not segment.isdecimal() or len(segment) > MAX_DIGITS or not digest:
        return False
    found = [seal async for seal in seals(int(segment), int(segment))]
    return bool(found) and found[0].digest == digest


async def earlier_release_runs() -> bool:
    """Return whether an instance runs that would change sealed entries, since it does not know of seals."""
    owner, step = _STEP
    return any(one.newest_steps.get(owner, "") < step for one in await live_instances())


async def unsealed_age() -> float:
    """Return for how many seconds the oldest unsealed entry has waited; 0 = there is none."""
    found = await fetch_one("SELECT MIN(at) AS at FROM portico_audit WHERE segment IS NULL")
    return 0.0 if found is None or found["at"] is None else max(0.0, now() - found["at"])


async def broken_seals() -> int:
    """Return how many seals did not continue the chain when they were made."""
    found = await fetch_one("SELECT COUNT(*) AS n FROM portico_audit_seal WHERE broken <> ''")
    return 0 if found is None else int(found["n"])
