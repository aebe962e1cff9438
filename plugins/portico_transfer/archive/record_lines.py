"""Reads the lines of a file in blocks. A line of any length takes no more memory than the longest that is allowed."""

from collections.abc import Iterator
from typing import IO, Final

from portico.api.transfer import Outcome, rejected

#: Bytes of one record: a chat with all its messages and pictures.
MAX_RECORD_BYTES: Final = 64 * 1024 * 1024
#: Bytes that are read at once.
READ_BYTES: Final = 1024 * 1024
#: Records, and about how many of their bytes, of one block.
MAX_BLOCK_RECORDS: Final = 500
MAX_BLOCK_BYTES: Final = 4 * 1024 * 1024
TOO_LONG: Final = f"the record has more than {MAX_RECORD_BYTES // 1024 // 1024} MiB"


def record_blocks(
    file: IO[bytes], longest: int = MAX_RECORD_BYTES
) -> Iterator[list[bytes | Outcome]]:
    """Yield the records of a file in blocks. A record that is too long is an outcome; empty lines are left out."""
    block: list[bytes | Outcome] = []
    size = 0
    for line in _lines(file, longest):
        if line is None:
            block.append(rejected("", TOO_LONG))
        elif line.strip():
            block.append(line)
            size += len(line)
        if len(block) == MAX_BLOCK_RECORDS or size >= MAX_BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def _lines(file: IO[bytes], longest: int) -> Iterator[bytes | None]:
    """Yield the lines of a file without their ends; None for one that is too long."""
    parts: list[bytes] = []
    size, is_too_long = 0, False
    while read := file.read(READ_BYTES):
        *complete, rest = read.split(b"\n")
        for line in complete:
            yield None if is_too_long or size + len(line) > longest else b"".join([*parts, line])
            parts, size, is_too_long = [], 0, False
        size += len(rest)
        is_too_long = is_too_long or size > longest
        parts = [] if is_too_long else [*parts, rest]
    if size:
        yield None if is_too_long else b"".join(parts)
