"""Removes invalid events from a stream of server-sent events without changing valid ones.

Most blocks from the network are complete, valid events. Those are checked by one decoder call and returned byte for
byte. Only a block that fails this check is read event by event.
"""

import re
from collections.abc import Callable, Iterator

import msgspec

#: Bytes of one event, and so of what is buffered while its end is missing.
MAX_EVENT_BYTES = 16 * 1024 * 1024
DONE = b"data: [DONE]\n\n"

_END = re.compile(rb"\n\r?\n")
_FIELDS = (b"event:", b"id:", b"retry:", b":")


class _Delta(msgspec.Struct, gc=False):
    """An object that clients read without checking its type."""


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | msgspec.UnsetType = msgspec.UNSET
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice]
    error: None = None  # a chunk with an error is not valid


class _StreamMessage(msgspec.Struct):
    """An event instead of a chunk: an error, or data of a particular provider."""

    choices: list[_Choice] | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw = msgspec.Raw(b"null")


class SSEFilter:
    """The state of one stream. Call `feed` with each block, then `close`, and send what they return. Never raises.

    `clean` is applied to events that are not chunks, such as notices of a provider. `dropped`: number of events removed.
    `upstream_error`: the first error inside the stream, never sent to the client. `done`: the end was found, and all
    further events are dropped. `finished`: a choice had a finish reason.
    """

    def __init__(self, clean: Callable[[bytes], bytes] = bytes) -> None:
        self.dropped = 0
        self.upstream_error: bytes | None = None
        self.done = False
        self.finished = False
        self._clean = clean
        self._tail: list[bytes] = []
        self._held_bytes = 0
        self._last_bytes = b""
        self._sent_done = False
        self._chunks = msgspec.json.Decoder(_Chunk)
        self._messages = msgspec.json.Decoder(_StreamMessage)

    @property
    def is_intact(self) -> bool:
        """Return whether nothing was removed."""
        return not self.dropped and self.upstream_error is None

    def feed(self, block: bytes) -> bytes:
        """Return the events that are complete, valid and not yet returned.

        `[DONE]` is returned only if nothing was removed; otherwise `close` returns it, so that an error event can precede it.
        """
        if self.done:
            return b""
        if self._held_bytes or not block.endswith(b"\n\n"):
            block = self._whole_events(block)
        if self._is_valid_block(block):
            return block
        return b"".join(map(self._filter_event, _events(block)))

    def close(self) -> tuple[bytes, bytes]:
        """Return the last event, if it is valid and only lacks its blank line, and `[DONE]` unless it was returned before."""
        rest = b"".join(self._tail).rstrip(b"\r\n")
        self._tail, self._held_bytes, self._last_bytes = [], 0, b""
        last = self._filter_event(rest + b"\n\n") if rest and not self.done else b""
        self.done = True
        end = b"" if self._sent_done else DONE
        self._sent_done = True
        return last.removesuffix(DONE), end

    def _whole_events(self, block: bytes) -> bytes:
        """Return the complete events, with the bytes held back before; hold back the beginning of the next event."""
        text = self._last_bytes + block  # a blank line may be split between blocks
        ends = [end.end() - len(self._last_bytes) for end in _END.finditer(text)]
        if not ends:
            self._last_bytes = text[-2:]
            self._hold_back(block)
            return b""
        if self._held_bytes > MAX_EVENT_BYTES:  # the event was dropped: continue after its end
            whole = block[ends[0] : ends[-1]]
        else:
            whole = b"".join((*self._tail, block[: ends[-1]]))
        rest = block[ends[-1] :]
        self._tail, self._held_bytes, self._last_bytes = [], 0, rest[-2:]
        self._hold_back(rest)
        return whole

    def _hold_back(self, block: bytes) -> None:
        if self._held_bytes > MAX_EVENT_BYTES or not block:
            return
        self._tail.append(block)
        self._held_bytes += len(block)
        if self._held_bytes > MAX_EVENT_BYTES:
            self._tail = []
            self.dropped += 1

    def _is_valid_block(self, block: bytes) -> bool:
        """Return whether a block contains only valid chunks, and at most the end. False only means: read it event by event.

        The decoder reads one value after the other. As many values as events mean one in each, unless faults in two
        events cancel out: those pass.
        """
        if not block.startswith(b"data:"):
            return False
        payloads = block[5:-2].split(b"\n\ndata:")
        ends = payloads[-1].strip() == b"[DONE]"
        if ends:
            payloads.pop()
            if not payloads or not self.is_intact:
                return False
        lines = b"\n".join(payloads)
        try:
            if not lines.isascii():
                lines.decode()
            chunks = self._chunks.decode_lines(lines)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return False
        if len(chunks) != len(payloads):
            return False
        for chunk in chunks[-3:]:  # only a usage chunk follows the one with the finish reason
            self._note_finish(chunk.choices)
        self.done = self._sent_done = ends
        return True

    def _filter_event(self, event: bytes) -> bytes:
        """Return one event with the blank line that ends it; nothing if it is invalid."""
        lines = [line.removesuffix(b"\r") for line in event.split(b"\n")]
        data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
        payload = b"\n".join(data)
        if self.done:
            return b""
        if payload.strip() == b"[DONE]":
            self.done = True
            self._sent_done = self.is_intact
            return DONE if self._sent_done else b""
        try:
            event.decode()
            if b"\x00" in event:
                raise msgspec.DecodeError
            return (
                self._filter_data(payload, lines, event)
                if data
                else self._filter_fields(lines, event)
            )
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.dropped += 1
            return b""

    def _filter_data(self, payload: bytes, lines: list[bytes], event: bytes) -> bytes:
        message = self._messages.decode(payload)
        if bytes(message.error) != b"null" or any(map(_is_error, lines)):
            self.upstream_error = self.upstream_error or payload
            return b""
        if not message.choices:
            return self._clean(event)
        self._note_finish(message.choices)
        return event

    def _filter_fields(self, lines: list[bytes], event: bytes) -> bytes:
        """Return an event without data: a comment keeps a connection open, a blank event is dropped."""
        if any(line and not line.startswith(_FIELDS) for line in lines):
            raise msgspec.DecodeError
        return self._clean(event) if any(lines) else b""

    def _note_finish(self, choices: list[_Choice]) -> None:
        if choices and choices[-1].finish_reason:
            self.finished = True


def _events(block: bytes) -> Iterator[bytes]:
    """Yield the events of a block, each with the blank line that ends it."""
    begin = 0
    for end in _END.finditer(block):
        yield block[begin : end.end()]
        begin = end.end()


def _is_error(line: bytes) -> bool:
    return line.startswith(b"event:") and line[6:].strip() == b"error"
