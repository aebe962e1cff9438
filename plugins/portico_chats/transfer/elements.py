"""The elements of a JSON array in a file, one after the other, so that the file may be larger than the memory.

Brackets, commas and quotation marks are looked at, nothing else: whether an element is JSON is for whoever decodes it.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from portico.api import Invalid

#: Bytes that are read at once.
BLOCK: Final = 256 * 1024
#: Bytes of one element.
LARGEST: Final = 64 * 1024 * 1024

_BEGIN: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\{\s*"chats"\s*:\s*)?\[')
_STRING: Final = rb'"(?:[^"\\]++|\\.)*+"'
# What matters next, past everything that does not, whole strings too. A quotation mark: of a string that goes on in
# the next block.
_DEEP: Final = re.compile(rb'(?:[^"\[\]{}]++|%b)*+["\[\]{}]' % _STRING, re.DOTALL)
_FLAT: Final = re.compile(rb'(?:[^"\[\]{},]++|%b)*+["\[\]{},]' % _STRING, re.DOTALL)
_IN_STRING: Final = re.compile(rb'[^"\\]*+["\\]')


class Element(NamedTuple):
    """One of them. `at`: where it begins, in bytes from the beginning of the file."""

    at: int
    text: bytes


def elements(file: BinaryIO) -> Iterator[Element]:
    """Every element of the array that a file is, or that stands under `chats` in it.

    Raises: Invalid if it is neither, is cut off, or holds an element that is too large.
    """
    head = file.read(BLOCK)
    begin = _BEGIN.match(head)
    if begin is None:
        raise Invalid("this is no export of chats: a list of them is expected")
    return _split(file, begin.end(), head[begin.end() :] or file.read(BLOCK))


def _split(file: BinaryIO, start: int, block: bytes) -> Iterator[Element]:
    held = bytearray()
    depth = skipped = 0
    in_string = False
    is_first = True
    while block:
        done, at = 0, skipped
        while mark := (_IN_STRING if in_string else _DEEP if depth else _FLAT).match(block, at):
            at = mark.end()
            found = block[at - 1 : at]
            if in_string:
                in_string = found != b'"'
                at += in_string  # whatever follows a backslash ends no string
            elif found == b'"':
                in_string = True
            elif found in b"[{":
                depth += 1
            elif depth and found in b"]}":
                depth -= 1
            else:  # the end of an element, or of all
                held += block[done : at - 1]
                if found == b"," or not is_first or held.strip():
                    yield Element(start, bytes(held))
                if found != b",":
                    return
                start += len(held) + 1
                done, is_first = at, False
                held.clear()
        held += block[done:]
        if len(held) > LARGEST:
            raise Invalid("this is no export of chats: one of them is far too large")
        skipped = max(at - len(block), 0)
        block = file.read(BLOCK)
    raise Invalid("the file is cut off")
