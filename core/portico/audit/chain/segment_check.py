"""Checks the entries of one segment against its seal."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from portico.audit.chain.digests import (
    ENTRY,
    EntriesDigest,
    Seal,
    as_ranges,
    entry_digest,
    read_ranges,
    signed_entry,
)
from portico.encryption import Encryptor, SignatureState

#: Entries of one kind of fault that are named for each segment.
MAX_NAMED: Final = 20


class SegmentCheck:
    """Compares entries with the seal of their segment.

    `seal`: None = it is missing, so only the signatures of the entries are checked. `is_complete`: whether all entries must
    be there; those of a segment that the retention deletes need not.
    """

    def __init__(
        self, encryptor: Encryptor, segment: int, seal: Seal | None, *, is_complete: bool = True
    ) -> None:
        self._encryptor, self._segment, self._seal = encryptor, segment, seal
        self._is_complete = is_complete
        self._sealed = list[range]()
        if seal is not None:
            self._sealed = _ranges(seal)
        self._starts = [one.start for one in self._sealed]
        self._found = EntriesDigest()
        self._changed = list[int]()
        self._inserted = list[int]()

    def add(self, row: Mapping[str, Any]) -> None:
        """Check an entry. They come in the order of their numbers. `row`: of `portico_audit`."""
        number, digest = row["number"], entry_digest(row)
        self._found.add(number, row["at"], digest)
        if self._seal is not None and not self._is_sealed(number):
            self._inserted.append(number)
            return
        state = self._encryptor.check_signature(
            row["signature"], signed_entry(self._segment, digest), ENTRY
        )
        if state is SignatureState.INVALID or (
            state is SignatureState.UNKNOWN_KEY and not self._has_key_of_seal(row["signature"])
        ):
            self._changed.append(number)

    @property
    def entries(self) -> int:
        """How many entries were added."""
        return len(self._found.numbers)

    def findings(self) -> Iterator[tuple[bool, str]]:
        """Yield what is wrong, in sentences, each with whether it is only that entries are missing."""
        segment, seal = self._segment, self._seal
        if self._changed:
            yield False, f"segment {segment}: {_named(self._changed)} changed"
        if self._inserted:
            yield False, f"segment {segment}: {_named(self._inserted)} inserted after it was sealed"
        if seal is None or not self._is_complete:
            return
        missing = self._missing()
        if missing:
            yield True, f"segment {segment}: {_named(missing)} deleted"
        elif not self._changed and not self._inserted and self._found.content != seal.content:
            yield False, f"segment {segment}: one of the entries {seal.numbers} was changed"

    def _has_key_of_seal(self, signature: str) -> bool:
        """Return whether the seal has the same key. If it is not configured any more, the digest in the seal decides."""
        key_id, dot, _ = signature.partition(".")
        return bool(dot) and (
            self._seal is None or self._seal.signature.partition(".")[0] == key_id
        )

    def _is_sealed(self, number: int) -> bool:
        place = bisect_right(self._starts, number) - 1
        return place >= 0 and number in self._sealed[place]

    def _missing(self) -> list[int]:
        """Return the first sealed numbers that were not added."""
        found, missing = self._found.numbers, list[int]()
        for sealed in self._sealed:
            place = bisect_left(found, sealed.start)
            end = bisect_left(found, sealed.stop)
            if end - place == len(sealed):
                continue
            present = set(found[place:end])
            for number in sealed:
                if number not in present:
                    missing.append(number)
                    if len(missing) > MAX_NAMED:
                        return missing
        return missing


def _ranges(seal: Seal) -> list[range]:
    try:
        return list(read_ranges(seal.numbers))
    except ValueError:
        return []  # the seal was changed, which is found by its signature


def _named(numbers: Iterable[int]) -> str:
    listed = list(numbers)
    more = " and more" if len(listed) > MAX_NAMED else ""
    if len(listed) == 1:
        return f"entry {listed[0]} was"
    return f"entries {as_ranges(listed[:MAX_NAMED])}{more} were"
