"""Digests of entries and seals. They are stored, so what they are computed from never changes."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from portico.audit.personal_fields import personal_digest, split

#: Names what is signed, for each kind of signature.
ENTRY, SEAL, END = "audit entry", "audit seal", "audit chain"
_EMPTY: Final = bytes(32)


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """What seals one segment. Units: `sealed_at`, `newest_at` in epoch seconds.

    `numbers`: those of its entries, such as `7-12,14`. `content`: the digest of the entries. `previous`: that of the seal
    before. `broken`: why the chain was not continued; empty = it was.
    """

    segment: int
    sealed_at: int
    entries: int
    numbers: str
    newest_at: int
    content: str
    previous: str
    broken: str
    signature: str

    @property
    def digest(self) -> str:
        """The digest of all of it but the signature, in hexadecimal digits."""
        return hashlib.sha256(self.signed_part).hexdigest()

    @property
    def signed_part(self) -> bytes:
        """The bytes that are signed."""
        return msgspec.json.encode(
            [
                1,
                self.segment,
                self.sealed_at,
                self.entries,
                self.numbers,
                self.newest_at,
                self.content,
                self.previous,
                self.broken,
            ]
        )


class ChainEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the chain: the newest segment and the digest of its seal; -1 = nothing is sealed yet.

    `removed_through`: the retention deleted the entries of segments up to this one; -1 = of none.
    """

    segment: int = -1
    digest: str = ""
    removed_through: int = -1
    signature: str = ""

    @property
    def signed_part(self) -> bytes:
        """The bytes that are signed."""
        return msgspec.json.encode([1, self.segment, self.digest, self.removed_through])


class EntriesDigest:
    """Computes what a seal says about its entries, which are added in the order of their numbers."""

    def __init__(self) -> None:
        self._digest, self.newest_at = _EMPTY, 0
        self.numbers: list[int] = []

    def add(self, number: int, at: int, digest: bytes) -> None:
        """Add an entry with its `entry_digest`."""
        self._digest = hashlib.sha256(self._digest + digest).digest()
        self.numbers.append(number)
        self.newest_at = max(self.newest_at, at)

    @property
    def content(self) -> str:
        """The digest of the entries so far, in hexadecimal digits."""
        return self._digest.hex()


def entry_digest(row: Mapping[str, Any]) -> bytes:
    """Return the digest of an entry, the same before and after its personal fields were dropped.

    `row`: a row of `portico_audit`.
    """
    kind = row["resource_kind"]
    old, personal_old = split(kind, row["old"])
    new, personal_new = split(kind, row["new"])
    personal = row["dropped"]
    if personal_old or personal_new:
        # Nothing may stand in place of what was dropped.
        personal += personal_digest(row["salt"], personal_old, personal_new)
    fields = [row["number"], row["at"], row["author"], row["event"], kind, row["resource_id"]]
    return hashlib.sha256(msgspec.json.encode([1, *fields, old, new, personal])).digest()


def signed_entry(segment: int, digest: bytes) -> bytes:
    """Return the bytes that are signed for an entry of a segment."""
    return b"%d." % segment + digest


def as_ranges(numbers: Iterable[int]) -> str:
    """Return ascending numbers as a short text, such as `7-12,14`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)


def read_ranges(text: str) -> Iterator[range]:
    """Yield the ranges of `as_ranges`. Raises: ValueError."""
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        yield range(int(low), int(high or low) + 1)
