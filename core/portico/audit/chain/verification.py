"""Verifies the hash chain: of the database, or of an exported file."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from portico.audit.chain.digests import END, SEAL, ChainEnd, Seal
from portico.audit.chain.rows import (
    chain_end,
    earlier_release_runs,
    entries_of_segments,
    newest_seal,
    seals,
)
from portico.audit.chain.segment_check import SegmentCheck
from portico.db import fetch_all, fetch_all_in_thread, now
from portico.encryption import Encryptor
from portico.instances import live_instances

#: Entries younger than this may be unsealed. Seconds.
UNSEALED_SECONDS: Final = 10
#: Findings that are kept; further ones are counted.
MAX_FINDINGS: Final = 200

_UNSEALED: Final = "SELECT COUNT(*) AS n, MIN(at) AS oldest FROM portico_audit WHERE segment IS NULL OR segment > $1"
_COUNT: Final = "SELECT COUNT(*) AS n FROM portico_audit WHERE segment >= $1 AND segment <= $2"
# A sealer counts segments from 0.
_OF_NO_SEGMENT: Final = (
    "SELECT number FROM portico_audit WHERE segment < 0 ORDER BY number LIMIT 20"
)
# Name and address are dropped in the transaction that deletes the account.
_DROPPED_TOO_EARLY: Final = (
    "SELECT a.number FROM portico_audit a JOIN portico_account account ON account.id = a.resource_id "
    "WHERE a.dropped <> '' AND a.resource_kind = 'account' ORDER BY a.number LIMIT 20"
)


class ChainReport(msgspec.Struct, kw_only=True):
    """What a verification found.

    `findings`: sentences about what was tampered with; none = nothing. `notes`: what is no tampering. `newest_seal`:
    number and digest of the newest seal, to be kept elsewhere. `unsealed`: entries that wait to be sealed.
    """

    segments: int = 0
    entries: int = 0
    removed_segments: int = 0
    unsealed: int = 0
    newest_seal: str = ""
    findings: list[str] = []
    notes: list[str] = []


class ChainVerification:
    """Follows the chain: seals in their order, each followed by the entries of its segment.

    `first`: the segment at which it begins. `end`: the end of the chain; None = it is missing.
    """

    def __init__(self, encryptor: Encryptor, end: ChainEnd | None, first: int = 0) -> None:
        self.report = ChainReport(findings=[], notes=[])
        self._encryptor, self._end, self._first = encryptor, end or ChainEnd(), first
        self._last_segment, self._last_digest = first - 1, ""
        self._unknown: list[int] = []
        self._missing_entries: list[tuple[int, str]] = []
        if end is None:
            self.find("the end of the chain is missing")
        elif end.segment >= 0 and self._state(end.signature, end.signed_part, END) == "invalid":
            self.find("the end of the chain was changed")

    @property
    def removed_through(self) -> int:
        """The last segment whose entries the retention has deleted."""
        return self._end.removed_through

    def find(self, sentence: str) -> None:
        """Add a finding."""
        if len(self.report.findings) < MAX_FINDINGS:
            self.report.findings.append(sentence)
        elif len(self.report.findings) == MAX_FINDINGS:
            self.report.findings.append("there are more findings")

    def follow(self, seal: Seal) -> SegmentCheck:
        """Check the next seal, and return the check of its entries, for `complete`."""
        expected = self._last_segment + 1
        if seal.segment > expected:
            self._find_missing_seals(expected, seal.segment - 1)
        state = self._state(seal.signature, seal.signed_part, SEAL)
        if state == "invalid":
            self.find(f"the seal of segment {seal.segment} was changed")
        elif seal.broken:
            self.find(f"segment {seal.segment} does not continue the chain: {seal.broken}")
        elif seal.segment == expected != self._first and seal.previous != self._last_digest:
            self.find(f"segment {seal.segment} does not follow the seal of segment {expected - 1}")
        elif seal.segment == expected == 0 and seal.previous:
            self.find("segment 0 follows another seal")
        if state == "unknown key":
            self._unknown.append(seal.segment)
        elif state == "valid":
            self._unknown.clear()  # this signature covers all seals before it
        self._last_segment, self._last_digest = seal.segment, seal.digest
        self.report.segments += 1
        is_removed = seal.segment <= self.removed_through
        self.report.removed_segments += is_removed
        return SegmentCheck(self._encryptor, seal.segment, seal, is_complete=not is_removed)

    def complete(self, segment: int, check: SegmentCheck) -> None:
        """Take over what the check of a segment has found."""
        self.report.entries += check.entries
        for is_missing, sentence in check.findings():
            if is_missing:
                self._missing_entries.append((segment, sentence))
            else:
                self.find(sentence)

    def orphan(self, segment: int) -> SegmentCheck:
        """Return a check of the entries of a segment that has no seal."""
        return SegmentCheck(self._encryptor, segment, None)

    def end(self, removed_through: int | None = None) -> ChainReport:
        """Compare the last seal with the end of the chain, and return the report.

        `removed_through`: that of the chain now, since the retention may have gone on.
        """
        removed = self.removed_through if removed_through is None else removed_through
        for segment, sentence in self._missing_entries:
            if segment > removed:
                self.find(sentence)
        end = self._end
        if self._last_segment < end.segment:
            self._find_missing_seals(self._last_segment + 1, end.segment)
        elif end.segment >= 0 and self.report.segments and self._last_digest != end.digest:
            self.find("the newest seal is not the one at the end of the chain")
        is_covered = self._state(end.signature, end.signed_part, END) == "valid"
        if self._unknown and not is_covered:
            self.find(
                f"segments {self._unknown[0]} to {self._unknown[-1]} are signed with a key that is not configured, and "
                "nothing after them is signed with a configured one. Add the earlier key to "
                "PORTICO_PREVIOUS_SECRET_KEYS or PORTICO_ENCRYPTION_KEYS."
            )
        if self.report.segments:
            self.report.newest_seal = f"{self._last_segment}:{self._last_digest}"
        return self.report

    def _find_missing_seals(self, first: int, last: int) -> None:
        if first == last:
            self.find(f"the seal of segment {first} is missing")
        else:
            self.find(f"the seals of segments {first} to {last} are missing")

    def _state(self, signature: str, data: bytes, context: str) -> str:
        if "." not in signature:
            return "invalid"
        return self._encryptor.check_signature(signature, data, context).value


async def verify_chain(
    encryptor: Encryptor, *, first: int = 0, on_entries: Callable[[int], object] = lambda _: None
) -> ChainReport:
    """Verify the chain of the database, which may be used meanwhile.

    `first`: the segment at which to begin. `on_entries`: called with the number of entries read.
    """
    end = await chain_end()
    newest = await newest_seal()
    last = end.segment if end is not None else (newest.segment if newest else -1)
    following = ChainVerification(encryptor, end, first)
    await _follow(following, first, last, on_entries)
    current = await chain_end() or ChainEnd()
    newest = await newest_seal()
    if newest is not None and newest.segment > max(current.segment, last):
        following.find(f"the seal of segment {newest.segment} is after the end of the chain")
    report = following.end(current.removed_through)
    forged = await fetch_all(_OF_NO_SEGMENT)
    if forged:
        numbers = ", ".join(str(row["number"]) for row in forged)
        following.find(f"entries of a segment that cannot exist were inserted: {numbers}")
    early = await fetch_all(_DROPPED_TOO_EARLY)
    if early:
        numbers = ", ".join(str(row["number"]) for row in early)
        following.find(f"name and address were dropped although the account exists: {numbers}")
    await _add_unsealed(report, max(current.segment, last))
    return report


async def count_sealed(first: int = 0) -> int:
    """Return how many entries `verify_chain` will read."""
    end = await chain_end() or ChainEnd()
    (found,) = await fetch_all_in_thread(_COUNT, first, end.segment)
    return int(found["n"])


async def _follow(
    following: ChainVerification, first: int, last: int, on_entries: Callable[[int], object]
) -> None:
    """Merge seals and entries, which both come by segment."""
    entries = entries_of_segments(first, last)
    row = await anext(entries, None)

    async def add_rows(check: SegmentCheck, segment: int) -> None:
        nonlocal row
        while row is not None and row["segment"] == segment:
            check.add(row)
            row = await anext(entries, None)
            if check.entries % 500 == 0:
                on_entries(500)
        on_entries(check.entries % 500)

    async for seal in seals(first, last):
        while row is not None and row["segment"] < seal.segment:
            await _add_orphans(following, row["segment"], add_rows)
        check = following.follow(seal)
        await add_rows(check, seal.segment)
        following.complete(seal.segment, check)
    while row is not None:
        await _add_orphans(following, row["segment"], add_rows)


async def _add_orphans(following: ChainVerification, segment: int, add_rows: Any) -> None:
    check = following.orphan(segment)
    await add_rows(check, segment)
    following.complete(segment, check)
    following.find(f"segment {segment}: it has {check.entries} entries and no seal")


async def _add_unsealed(report: ChainReport, last: int) -> None:
    (found,) = await fetch_all_in_thread(_UNSEALED, last)
    report.unsealed = found["n"]
    if not report.unsealed or now() - found["oldest"] <= UNSEALED_SECONDS:
        return
    sentence = f"{report.unsealed} entries are not sealed; the oldest is {now() - found['oldest']} seconds old"
    if await earlier_release_runs():
        report.notes.append(
            f"{sentence}. None is sealed while an instance of an earlier release runs."
        )
    elif await live_instances():
        report.findings.append(f"{sentence}, although a server is running")
    else:
        report.notes.append(f"{sentence}. A server seals them within {UNSEALED_SECONDS} seconds.")
