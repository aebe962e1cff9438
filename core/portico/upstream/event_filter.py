"""Passes the events of responses and messages, whose streams have names instead of `[DONE]`, and keeps errors out.

A block is passed on as it is, unless it may contain the end, an error or bytes that are no text. Only then are its events
read one by one.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from portico.upstream.lenient_chunk import mended_json

#: Bytes of one event, and so of what is buffered while its end is missing.
MAX_EVENT_BYTES: Final = 16 * 1024 * 1024

_END = re.compile(rb"\n\r?\n")
#: The last events of an answer.
_LAST_TYPES: Final = frozenset({"response.completed", "response.incomplete", "message_stop"})
#: Events with an error of the provider.
_ERROR_TYPES: Final = frozenset({"error", "response.failed"})
_READ_IF = re.compile(
    rb"response\.completed|response\.incomplete|message_stop|response\.failed|[\"\s:]error|\[DONE\]"
)


class _Event(msgspec.Struct):
    type: str = ""


class EventFilter:
    """The state of one stream (a `StreamFilter`). Never raises."""

    def __init__(self, clean: Callable[[bytes], bytes] = bytes) -> None:
        self.dropped = 0
        self.upstream_error: bytes | None = None
        self.done = False
        self.finished = False
        self._clean = clean
        self._held = bytearray()
        self._searched = 0
        self._is_new = True
        self._is_skipping = False
        self._events = msgspec.json.Decoder(_Event)

    def feed(self, block: bytes) -> bytes:
        """Return the events that are complete, valid and not yet returned."""
        if self.done:
            return b""
        if self._is_new:
            block, self._is_new = block.removeprefix(codecs.BOM_UTF8), False
        whole = self._whole_events(block)
        if not whole or self._may_pass(whole):
            return whole
        return b"".join(map(self._filter_event, _split(whole)))

    def close(self) -> tuple[bytes, bytes]:
        """Return the last event, if it only lacks its blank line. Nothing follows it."""
        rest = bytes(self._held).rstrip(b"\r\n")
        self._held.clear()
        last = self._filter_event(rest + b"\n\n") if rest and not self.done else b""
        self.done = True
        return last, b""

    def _whole_events(self, block: bytes) -> bytes:
        """Return the complete events, and hold back the beginning of the next one."""
        if not self._held and not self._is_skipping and block.endswith(b"\n\n"):
            return block
        self._held += block
        ends = [end.end() for end in _END.finditer(self._held, self._searched)]
        if not ends:
            self._searched = max(0, len(self._held) - 2)
            if len(self._held) > MAX_EVENT_BYTES:
                self.dropped += not self._is_skipping
                self._is_skipping = True
                del self._held[:-2]
                self._searched = 0
            return b""
        begin = ends[0] if self._is_skipping else 0
        whole = bytes(self._held[begin : ends[-1]])
        del self._held[: ends[-1]]
        self._searched, self._is_skipping = 0, False
        return whole

    def _may_pass(self, whole: bytes) -> bool:
        if _READ_IF.search(whole) or b"\x00" in whole:
            return False
        try:
            return whole.isascii() or bool(whole.decode())
        except UnicodeDecodeError:
            return False

    def _filter_event(self, event: bytes) -> bytes:
        """Return one event with the blank line that ends it; nothing if it cannot be read, or is an error."""
        if self.done:
            return b""
        lines = [line.removesuffix(b"\r") for line in event.split(b"\n")]
        payload = b"\n".join(_value(line) for line in lines if line.startswith(b"data:"))
        names = [_value(line).strip() for line in lines if line.startswith(b"event:")]
        if payload.strip() == b"[DONE]":
            self.done = self.finished = True
            return event
        if not payload.strip():
            return b""  # only keeps the connection open
        try:
            event.decode()
            kind = self._events.decode(payload).type
        except (UnicodeDecodeError, msgspec.MsgspecError):
            mended = _mended(payload)
            if not isinstance(mended, dict):
                self.dropped += mended is not None
                return b""
            kind = str(mended.get("type"))
            payload = msgspec.json.encode(mended)
            fields = [line for line in lines if line and not line.startswith(b"data:")]
            event = b"\n".join([*fields, b"data: " + payload, b"", b""])
        if kind in _ERROR_TYPES or b"error" in names:
            self.upstream_error = self.upstream_error or payload
            self.done = True
            return b""
        if kind in _LAST_TYPES:
            self.done = self.finished = True
        return event


def _mended(payload: bytes) -> Any:
    """Return what can be read of the data of an event; None if it says nothing, False if nothing can be read."""
    try:
        return mended_json(payload) or None
    except ValueError:
        return False


def _split(block: bytes) -> Iterator[bytes]:
    begin = 0
    for end in _END.finditer(block):
        yield block[begin : end.end()]
        begin = end.end()


def _value(line: bytes) -> bytes:
    return line.partition(b":")[2].removeprefix(b" ")
