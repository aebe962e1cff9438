"""Removes what clients could not read from a stream of server-sent events, without changing valid events.

Most blocks from the network are complete, valid events. Those are checked by one decoder call and returned byte for
byte. Only a block that fails this check is read event by event. What carries nothing (a keep-alive, a comment, a ping)
is removed without a word; what can be mended is mended; only an event that cannot be read at all counts as missing.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from portico.upstream.lenient_chunk import ChunkMender, says_nothing

#: Bytes of one event, and so of what is buffered while its end is missing.
MAX_EVENT_BYTES = 16 * 1024 * 1024
DONE = b"data: [DONE]\n\n"

#: A provider that repeats a finish reason as often sends it with every chunk: it says nothing of the end.
MAX_REPEATED_ENDS = 2

_BOM = b"\xef\xbb\xbf"
_END = re.compile(rb"\n\r?\n|\r\r")
_LINE_END = re.compile(rb"\r\n|\n|\r")
#: The end without the blank line that should follow it.
_OPEN_DONE = re.compile(rb"data: ?\[DONE\]\r?\n?\Z")
#: Fields that are passed on; all others have no meaning (HTML standard, "Interpreting an event stream").
_FIELDS = (b"data:", b"event:", b"id:", b"retry:")
#: Names of events that only keep a connection open.
_KEEP_ALIVES = frozenset((b"ping", b"keepalive", b"keep-alive", b"heartbeat"))


class _Delta(msgspec.Struct, gc=False):
    """An object that clients read without checking its type."""


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | msgspec.UnsetType = msgspec.UNSET
    finish_reason: str | None = None
    index: int | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice]
    error: None = None  # a chunk with an error is not valid


class _StreamMessage(msgspec.Struct):
    """An event instead of a chunk: an error, or data of a particular provider."""

    choices: list[_Choice] | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw = msgspec.Raw(b"null")
    type: msgspec.Raw = msgspec.Raw(b"null")


_CHUNKS: Final[msgspec.json.Decoder[_Chunk]] = msgspec.json.Decoder(_Chunk)
_MESSAGES: Final[msgspec.json.Decoder[_StreamMessage]] = msgspec.json.Decoder(_StreamMessage)


class SSEFilter:
    """The state of one stream. Call `feed` with each block, then `close`, and send what they return. Never raises.

    `clean` is applied to events that are not chunks, such as notices of a provider. `dropped`: number of events removed
    whose text is missing. `upstream_error`: the first error inside the stream, never sent to the client. `done`: the end was
    found, and all further events are dropped. `finished`: every choice had a finish reason, so nothing is missing any more.
    """

    def __init__(self, clean: Callable[[bytes], bytes] = bytes) -> None:
        self.dropped = 0
        self.upstream_error: bytes | None = None
        self.done = False
        self._clean = clean
        self._is_new = True
        self._tail: list[bytes] = []
        self._held_bytes = 0
        self._last_bytes = b""
        self._sent_done = False
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._repeated_ends = 0
        self._mender = ChunkMender()

    @property
    def finished(self) -> bool:
        """Return whether every choice had a finish reason."""
        has_ended = bool(self._ended) and self._begun <= self._ended
        return has_ended and self._repeated_ends < MAX_REPEATED_ENDS

    @property
    def is_intact(self) -> bool:
        """Return whether nothing is missing."""
        return not self.dropped and self.upstream_error is None

    def feed(self, block: bytes) -> bytes:
        """Return the events that are complete, valid and not yet returned.

        `[DONE]` is returned only if nothing is missing; otherwise `close` returns it, so that an error event can precede it.
        """
        if self.done:
            return b""
        if self._held_bytes or self._is_new or not block.endswith(b"\n\n"):
            block = self._whole_events(block)
        if not self._held_bytes and self._is_valid_block(block):
            return block
        events = b"".join(map(self._filter_event, _events(block)))
        if 0 < self._held_bytes < 32 and _OPEN_DONE.fullmatch(b"".join(self._tail)):
            events += self._filter_event(b"data: [DONE]\n\n")
        return events

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
        if self._is_new:
            block = b"".join((*self._tail, block))
            self._tail, self._held_bytes, self._last_bytes = [], 0, b""
            if block.startswith(_BOM):
                block = block[len(_BOM) :]
            elif _BOM.startswith(block):
                self._hold_back(block)
                return b""
            self._is_new = False
        text = self._last_bytes + block  # a blank line may be split between blocks
        last = _last_end(text) - len(self._last_bytes)
        if last <= 0:
            self._last_bytes = text[-2:]
            self._hold_back(block)
            return b""
        if self._held_bytes > MAX_EVENT_BYTES:  # the event was dropped: continue after its end
            first = _END.search(text)
            begin = first.end() - len(self._last_bytes) if first else last
            whole = block[begin:last]
        else:
            whole = b"".join((*self._tail, block[:last]))
        rest = block[last:]
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
        if not (block.startswith(b"data:") and block.endswith(b"\n")) or self._mender.is_waiting:
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
            chunks = _CHUNKS.decode_lines(lines)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return False
        if len(chunks) != len(payloads):
            return False
        for chunk in chunks:
            for choice in chunk.choices:
                if choice.finish_reason or choice.index:
                    self._note(choice.index or 0, choice.finish_reason)
        self.done = self._sent_done = ends
        return True

    def _filter_event(self, event: bytes) -> bytes:
        """Return one event with the blank line that ends it; nothing if it says nothing or cannot be read."""
        if self.done:
            return b""
        event = event.removeprefix(_BOM)
        all_lines = [line for line in _LINE_END.split(event) if line]
        lines = [line for line in all_lines if line.startswith(_FIELDS)]
        payload = b"\n".join(_value(line) for line in lines if line.startswith(b"data:"))
        names = {_value(line).strip() for line in lines if line.startswith(b"event:")}
        if payload.strip() == b"[DONE]":
            self.done = True
            self._sent_done = self.is_intact
            return DONE if self._sent_done else b""
        if payload.strip() in (b"", b"{}") or names & _KEEP_ALIVES:
            return b""
        if b"error" in names:
            self._note_error(payload)
            return b""
        is_whole = lines == all_lines and event[:1].isalpha() and event.endswith(b"\n")
        try:
            return self._filter_data(payload, lines, event if is_whole else b"")
        except ValueError:
            self.dropped += not self.finished
            return b""

    def _filter_data(self, payload: bytes, lines: list[bytes], event: bytes) -> bytes:
        """Return an event with data. `event`: its bytes, if they can pass unchanged. Raises: ValueError."""
        message = self._read(payload)
        if message is None:
            return self._mended(payload, lines)
        if not says_nothing(message.error):
            self._note_error(payload)
            return b""
        if bytes(message.error) != b"null":
            return self._mended(payload, lines)  # clients would take an empty error for one
        if bytes(message.type).strip(b'"') in _KEEP_ALIVES and not message.choices:
            return b""
        event = event or _event(payload, lines)
        if not message.choices:
            return self._clean(event)
        for choice in message.choices:
            self._note(choice.index or 0, choice.finish_reason)
        return event

    def _read(self, payload: bytes) -> _StreamMessage | None:
        """Return what a strict decoder reads; None if it refuses, or if a character is to be joined."""
        if self._mender.is_waiting:
            return None
        try:
            payload.decode()
            return _MESSAGES.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def _mended(self, payload: bytes, lines: list[bytes]) -> bytes:
        """Return an event with what can be read of it. Raises: ValueError if nothing can."""
        chunk = self._mender.mend(payload)
        if not chunk:
            return b""
        if chunk.get("error"):
            self._note_error(payload)
            return b""
        event = _event(msgspec.json.encode(chunk), lines)
        choices = chunk.get("choices")
        for choice in choices or ():
            index = choice.get("index")
            self._note(index if isinstance(index, int) else 0, choice.get("finish_reason"))
        return event if choices else self._clean(event)

    def _note(self, index: int, finish_reason: object) -> None:
        if not finish_reason:
            self._begun.add(index)
            return
        self._repeated_ends += index in self._ended
        self._ended.add(index)

    def _note_error(self, payload: bytes) -> None:
        if self.upstream_error is None and not self.finished:
            self.upstream_error = payload


def _last_end(text: bytes) -> int:
    """Return the place after the last blank line; 0 if there is none. A search from the end, since blocks may be long."""
    place = text.rfind(b"\n\n")
    last = place + 2 if place >= 0 else 0
    if b"\r" not in text:
        return last
    return max(last, *(end.end() for end in _END.finditer(text)), 0)


def _events(block: bytes) -> Iterator[bytes]:
    """Yield the events of a block, each with the blank line that ends it."""
    begin = 0
    for end in _END.finditer(block):
        yield block[begin : end.end()]
        begin = end.end()


def _event(payload: bytes, lines: list[bytes]) -> bytes:
    """Return an event with this data and the other fields of these lines."""
    fields = [line for line in lines if not line.startswith(b"data:")]
    return b"\n".join([*fields, *(b"data: " + line for line in payload.split(b"\n")), b"", b""])


def _value(line: bytes) -> bytes:
    """Return the value of a field."""
    return line.partition(b":")[2].removeprefix(b" ")
