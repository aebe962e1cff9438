"""Splits streams of server-sent events. Linear in the length of the stream."""

import re
from collections.abc import Iterable
from typing import Final

#: Bytes of an event that is not complete yet. A longer one is left out.
MAX_EVENT_BYTES: Final = 16 * 1024 * 1024
DONE: Final = b"[DONE]"
_END: Final = re.compile(rb"\n\r?\n")


class EventSplitter:
    """Splits blocks of a stream into its events, each without the blank line that ends it."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._last_bytes = b""

    def feed(self, block: bytes) -> list[bytes]:
        """Return the events that are complete now."""
        if not self._last_bytes and _is_one_line_event(block):
            return [block[:-2]]
        found: list[bytes] = []
        last = self._last_bytes
        ends = list(_END.finditer(last + block))  # a blank line may be divided between blocks
        if ends and self._held_bytes > MAX_EVENT_BYTES:  # left out: continue after its end
            block = block[ends[0].end() - len(last) :]
            self._held, self._held_bytes, self._last_bytes = [], 0, b""
            return self.feed(block)
        if ends:
            whole = b"".join((*self._held, block))
            shift = self._held_bytes - len(last)
            at = 0
            for end in ends:
                found.append(whole[at : end.start() + shift])
                at = end.end() + shift
            self._held, self._held_bytes, block = [], 0, whole[at:]
            last = b""
        self._last_bytes = (last + block)[-2:]
        if block and self._held_bytes <= MAX_EVENT_BYTES:
            self._held_bytes += len(block)
            self._held.append(block)
            if self._held_bytes > MAX_EVENT_BYTES:
                self._held = []
        return found

    def close(self) -> bytes:
        """Return what followed the last complete event."""
        rest = b"".join(self._held)
        self._held, self._held_bytes, self._last_bytes = [], 0, b""
        return rest


def event_data(event: bytes) -> bytes:
    """Return the data of an event; empty if it has none, as a comment."""
    if b"\n" not in event:
        return event[5:].strip() if event.startswith(b"data:") else b""
    lines = [line.removesuffix(b"\r") for line in event.split(b"\n")]
    return b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))


def with_data(event: bytes, data: bytes) -> bytes:
    """Return an event with other data, and with its other fields. `data`: one line."""
    others = [line for line in _lines(event) if line and not line.startswith(b"data:")]
    return b"\n".join([*others, b"data: " + data])


def _lines(event: bytes) -> Iterable[bytes]:
    return (line.removesuffix(b"\r") for line in event.split(b"\n"))


def _is_one_line_event(block: bytes) -> bool:
    """Return whether a block is one event, as most are."""
    return (
        block.startswith(b"data:") and block.find(b"\n") == len(block) - 2 and block[-1:] == b"\n"
    )
