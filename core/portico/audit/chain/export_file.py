"""The hash chain in an exported file: lines of JSON after the entries, and the verification of such a file.

{"number": 12, …, "segment": 3, "salt": "", "dropped": "", "signature": "…"}     an entry
{"seal": {"segment": 3, …}}                                                      a seal, the newest one first
{"chain": {"segment": 3, "digest": "…", …}}                                      the end of the chain, last
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import msgspec

from portico.audit.chain.digests import ChainEnd, Seal
from portico.audit.chain.rows import chain_end, seals
from portico.audit.chain.verification import ChainReport, ChainVerification
from portico.encryption import Encryptor
from portico.errors import OperatorError

#: Seals in one block of lines.
BLOCK_SEALS = 500


class BadExport(OperatorError):
    """The file is no export of the audit log."""


class _Line(msgspec.Struct):
    """Any line of a file: one of the three."""

    number: int = 0
    at: int = 0
    author: str = ""
    event: str = ""
    resource_kind: str = ""
    resource_id: str = ""
    old: msgspec.Raw = msgspec.Raw(b"null")
    new: msgspec.Raw = msgspec.Raw(b"null")
    segment: int | None = None
    salt: str = ""
    dropped: str = ""
    signature: str = ""
    seal: Seal | None = None
    chain: ChainEnd | None = None


class _SealLine(msgspec.Struct):
    seal: Seal


class _ChainLine(msgspec.Struct):
    chain: ChainEnd


class ExportedChain(msgspec.Struct):
    """The lines that follow the entries: how many, and blocks of them. None of the seals is newer than the entries."""

    count: int
    blocks: AsyncIterator[tuple[int, bytes]]


async def exported_chain() -> ExportedChain:
    """Return the chain as it is now, as lines of JSON."""
    end = await chain_end()
    if end is None:
        return ExportedChain(0, _chain_lines(None))
    count = 0
    async for _ in seals(0, end.segment):
        count += 1
    return ExportedChain(count + 1, _chain_lines(end))


async def _chain_lines(end: ChainEnd | None) -> AsyncIterator[tuple[int, bytes]]:
    if end is None:
        return
    encoder = msgspec.json.Encoder()
    block: list[_SealLine] = []
    async for seal in seals(0, end.segment):
        block.append(_SealLine(seal))
        if len(block) == BLOCK_SEALS:
            yield len(block), encoder.encode_lines(block)
            block.clear()
    yield len(block) + 1, encoder.encode_lines([*block, _ChainLine(end)])


def verify_export(
    encryptor: Encryptor, lines: Iterable[bytes], on_bytes: Callable[[int], object] = lambda _: None
) -> ChainReport:
    """Verify the entries and seals of an exported file. Raises: BadExport.

    A file that was exported with filters has no seals: only the signature of each entry is verified then. `on_bytes`: called
    with the size of each line.
    """
    entries: dict[int | None, list[_Line]] = defaultdict(list)
    sealed: dict[int, Seal] = {}
    end: ChainEnd | None = None
    for line in _decoded(lines, on_bytes):
        if line.chain is not None:
            end = line.chain
        elif line.seal is not None:
            sealed[line.seal.segment] = line.seal
        else:
            entries[line.segment].append(line)
    return _verify(encryptor, entries, sealed, end)


def _decoded(lines: Iterable[bytes], on_bytes: Callable[[int], object]) -> Iterator[_Line]:
    decoder = msgspec.json.Decoder(_Line)
    for number, line in enumerate(lines, start=1):
        on_bytes(len(line))
        try:
            yield decoder.decode(line)
        except msgspec.DecodeError as error:
            raise BadExport(
                f"line {number} is no line of an exported audit log ({error}). Give a file that "
                "`portico audit export` has written."
            ) from error


def _verify(
    encryptor: Encryptor,
    entries: dict[int | None, list[_Line]],
    sealed: dict[int, Seal],
    end: ChainEnd | None,
) -> ChainReport:
    unsealed = len(entries.pop(None, ()))
    if end is None and sealed:
        following = ChainVerification(encryptor, None)
    else:
        following = ChainVerification(encryptor, end or ChainEnd())
    for segment in sorted(sealed):
        check = following.follow(sealed[segment])
        for row in _rows(entries.pop(segment, [])):
            check.add(row)
        following.complete(segment, check)
    for segment in sorted(one for one in entries if one is not None):
        check = following.orphan(segment)
        for row in _rows(entries[segment]):
            check.add(row)
        following.complete(segment, check)
        # A segment that was sealed while the file was written is newer than the end.
        if end is not None and segment <= end.segment:
            following.find(f"segment {segment}: it has {check.entries} entries and no seal")
    report = following.end()
    report.unsealed = unsealed
    if end is None and not sealed:
        report.notes.append(
            "The file has no seals, since it was exported with filters or before the chain: each entry was verified by "
            "its signature, and whether some are missing is unknown."
        )
    return report


def _rows(lines: list[_Line]) -> Iterator[dict[str, Any]]:
    """Yield the entries of one segment as rows of the table, by number."""
    for line in sorted(lines, key=lambda one: one.number):
        row = {name: getattr(line, name) for name in line.__struct_fields__}
        yield row | {name: _text(row[name]) for name in ("old", "new")}


def _text(value: msgspec.Raw) -> str | None:
    text = bytes(value).decode()
    return None if text == "null" else text
