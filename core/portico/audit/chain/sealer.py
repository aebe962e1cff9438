"""Seals entries of the audit log: a few seconds after their commit, in any one of the processes.

Writers of entries do nothing for it. A segment is whatever is unsealed at the time, and a seal lists the numbers of its
entries, since on PostgreSQL an entry may be committed after entries with larger numbers. Two short transactions make a
segment: entries are assigned to it and signed, then its seal is added. After a kill the next process continues.
"""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Final

import structlog

from portico.audit.chain.digests import (
    END,
    ENTRY,
    SEAL,
    ChainEnd,
    EntriesDigest,
    Seal,
    as_ranges,
    entry_digest,
    signed_entry,
)
from portico.audit.chain.rows import (
    BLOCK_ROWS,
    chain_end,
    earlier_release_runs,
    entries_of_segments,
    newest_seal,
)
from portico.audit.personal_fields import LOCK, split
from portico.db import (
    Row,
    current_database,
    execute,
    fetch_all,
    fetch_one,
    now,
    row_chunks,
    transaction,
    with_clock,
)
from portico.encryption import Encryptor, SignatureState
from portico.periodic_task import PeriodicTask

#: Seconds between two looks for unsealed entries.
SEAL_SECONDS: Final = 3.0
#: Seconds for which one process alone may seal. Each transaction prolongs it.
LEASE_SECONDS: Final = 5.0

_WAITING: Final = (
    "SELECT EXISTS (SELECT 1 FROM portico_audit WHERE segment IS NULL) AS fresh, "
    "EXISTS (SELECT 1 FROM portico_audit WHERE segment > $1) AS assigned"
)
_ENSURE: Final = "INSERT INTO portico_audit_chain (id) VALUES (1) ON CONFLICT (id) DO NOTHING"
# A time that is further away than a lease was written before the clock was set back.
_TAKE: Final = (
    "UPDATE portico_audit_chain SET holder = $1, held_until = {clock} + CAST($2 AS DOUBLE PRECISION) WHERE id = 1 "
    "AND (holder = $1 OR held_until < {clock} OR held_until > {clock} + CAST($2 AS DOUBLE PRECISION) + 1)"
)
_PROLONG: Final = (
    "UPDATE portico_audit_chain SET held_until = {clock} + CAST($2 AS DOUBLE PRECISION) "
    "WHERE id = 1 AND holder = $1"
)
_COLUMNS: Final = "SELECT number, at, author, event, resource_kind, resource_id, old, new, salt, dropped FROM portico_audit "
_UNSEALED: Final = f"{_COLUMNS}WHERE segment IS NULL ORDER BY number LIMIT {BLOCK_ROWS}"  # noqa: S608
# Those from before the chain have their segment already.
_EARLIER: Final = f"{_COLUMNS}WHERE segment = 0 AND number > $1 ORDER BY number LIMIT {BLOCK_ROWS}"  # noqa: S608
_ASSIGN: Final = (
    "UPDATE portico_audit SET segment = $1, salt = made.column2, signature = made.column3 "
    "FROM (VALUES {rows}) AS made WHERE portico_audit.number = made.column1"
)
_INSERT_SEAL: Final = (
    "INSERT INTO portico_audit_seal (segment, sealed_at, entries, numbers, newest_at, content, previous, broken, signature) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
)
_NEWEST_ASSIGNED: Final = "SELECT COALESCE(MAX(segment), -1) AS segment FROM portico_audit"
_SET_END: Final = "UPDATE portico_audit_chain SET segment = $2, digest = $3, signature = $4 WHERE id = 1 AND holder = $1"
_SIGN_END: Final = "UPDATE portico_audit_chain SET signature = $1 WHERE id = 1 AND signature = $2"

log = structlog.get_logger("portico.audit")


class LeaseLost(Exception):
    """Another process seals now."""


class AuditSealer:
    """Seals entries in the background. One process at a time does, by a lease in the database."""

    def __init__(self, encryptor: Encryptor, holder: str) -> None:
        """`holder`: the id of this process."""
        self._encryptor, self._holder = encryptor, holder
        self._task = PeriodicTask("audit sealing", SEAL_SECONDS, self.seal)

    def start(self) -> None:
        """Start the background task. Needs a running loop and the current database."""
        self._task.start()

    async def stop(self) -> None:
        """Stop the background task."""
        await self._task.stop()

    async def seal(self) -> int:
        """Seal all unsealed entries, and return how many segments they are. 0 if another process seals."""
        end = await chain_end()
        if end is not None and not await self._is_waiting(end):
            await self._renew_signature(end)
            return 0
        if await earlier_release_runs() or not await self._take_lease(end):
            return 0
        count = 0
        try:
            while await self._seal_next():
                count += 1
        except LeaseLost:
            log.info("audit sealing ended: another process seals")
        return count

    async def _is_waiting(self, end: ChainEnd) -> bool:
        found = await fetch_one(_WAITING, end.segment)
        return found is not None and bool(found["fresh"] or found["assigned"])

    async def _renew_signature(self, end: ChainEnd) -> None:
        """Sign the end of the chain with the current key, so that an earlier one can be given up."""
        current = f"{self._encryptor.current_id}."
        if end.signature and not end.signature.startswith(current):
            await renew_end_signature(self._encryptor)

    async def _take_lease(self, end: ChainEnd | None) -> bool:
        if end is None:
            await execute(_ENSURE)
        return bool(await execute(with_clock(_TAKE), self._holder, LEASE_SECONDS))

    async def _prolong_lease(self) -> None:
        """Keep others from sealing until this transaction ends. Raises: LeaseLost."""
        if not await execute(with_clock(_PROLONG), self._holder, LEASE_SECONDS):
            raise LeaseLost

    async def _seal_next(self) -> bool:
        """Seal one more segment. Return False if nothing is unsealed. Raises: LeaseLost."""
        end = await chain_end() or ChainEnd()
        if not await self._is_waiting(end):
            return False
        broken = await self._why_broken(end)
        previous = end.digest
        if broken:
            log.error("audit chain is broken; run `portico audit verify`", reason=broken)
            newest = await newest_seal()
            (assigned,) = await fetch_all(_NEWEST_ASSIGNED)
            last = max(end.segment, newest.segment if newest else -1, assigned["segment"])
            end = ChainEnd(segment=last, removed_through=end.removed_through)
            previous = newest.digest if newest else ""
        await self._assign_entries(end.segment + 1)
        await self._add_seal(end, previous, broken)
        return True

    async def _why_broken(self, end: ChainEnd) -> str:
        """Return why the chain cannot be continued after this end; empty if it can."""
        newest = await newest_seal()
        if end.segment < 0 and not end.signature:
            return "" if newest is None else "the end of the chain was missing"
        state = self._encryptor.check_signature(end.signature, end.signed_part, END)
        if state is not SignatureState.VALID:
            return "the end of the chain was not signed with a configured key"
        if newest is not None and newest.segment > end.segment:
            return "there was a seal after the end of the chain"
        return ""

    async def _assign_entries(self, segment: int) -> None:
        """Assign unsealed entries to the segment and sign them, at most one block, except for segment 0."""
        after = -1
        while True:
            async with transaction():
                await self._prolong_lease()
                lock = LOCK[current_database().dialect]
                if segment:
                    rows = await fetch_all(_UNSEALED + lock)
                else:
                    rows = await fetch_all(_EARLIER + lock, after)
                for some in row_chunks(rows):
                    await self._sign_entries(segment, some)
                    await asyncio.sleep(0)  # requests in between
            if segment or len(rows) < BLOCK_ROWS:
                return
            after = rows[-1]["number"]

    async def _sign_entries(self, segment: int, rows: Sequence[Row]) -> None:
        values: list[object] = [segment]
        for row in rows:
            kind, salt = row["resource_kind"], row["salt"]
            if not salt and any(split(kind, row[name])[1] for name in ("old", "new")):
                salt = secrets.token_hex(16)
            data = signed_entry(segment, entry_digest(row | {"salt": salt}))
            values += row["number"], salt, self._encryptor.sign(data, ENTRY)
        made = ", ".join(
            f"(CAST(${number} AS BIGINT), ${number + 1}, ${number + 2})"
            for number in range(2, len(values) + 1, 3)
        )
        await execute(_ASSIGN.format(rows=made), *values)

    async def _add_seal(self, end: ChainEnd, previous: str, broken: str) -> None:
        segment, content = end.segment + 1, EntriesDigest()
        async for row in entries_of_segments(segment, segment):
            content.add(row["number"], row["at"], entry_digest(row))
        seal = Seal(
            segment=segment,
            sealed_at=now(),
            entries=len(content.numbers),
            numbers=as_ranges(content.numbers),
            newest_at=content.newest_at,
            content=content.content,
            previous=previous,
            broken=broken,
            signature="",
        )
        async with transaction():
            await self._prolong_lease()
            # The retention may have moved on.
            current = await chain_end() or ChainEnd()
            removed = current.removed_through
            new_end = ChainEnd(segment=segment, digest=seal.digest, removed_through=removed)
            signature = self._encryptor.sign(seal.signed_part, SEAL)
            await execute(
                _INSERT_SEAL,
                seal.segment,
                seal.sealed_at,
                seal.entries,
                seal.numbers,
                seal.newest_at,
                seal.content,
                seal.previous,
                seal.broken,
                signature,
            )
            signature = self._encryptor.sign(new_end.signed_part, END)
            await execute(_SET_END, self._holder, segment, seal.digest, signature)


async def renew_end_signature(encryptor: Encryptor) -> None:
    """Sign the end of the chain with the current key. One that was signed with a known key and does not fit stays."""
    async with transaction():
        end = await chain_end()
        if end is None or not end.signature:
            return
        state = encryptor.check_signature(end.signature, end.signed_part, END)
        if state is not SignatureState.INVALID:
            new = encryptor.sign(end.signed_part, END)
            await execute(_SIGN_END, new, end.signature)
