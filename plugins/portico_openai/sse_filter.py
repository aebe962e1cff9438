"""Keeps garbage out of a stream of server-sent events without touching what is good.

Most blocks from the network are whole, well-formed events. Those are checked all at once, by one decoder in one
call, and go on as the very bytes they came as. Only a block that fails is looked at event by event.
"""

import re
from collections.abc import Callable, Iterator

import msgspec

#: Bytes of one event, and so of what is kept back while its end has not come.
LARGEST_EVENT = 16 * 1024 * 1024
DONE = b"data: [DONE]\n\n"

_END = re.compile(rb"\n\r?\n")
_FIELDS = (b"event:", b"id:", b"retry:", b":")


class _Delta(msgspec.Struct, gc=False):
    """What a client looks into without asking whether it is an object."""


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | msgspec.UnsetType = msgspec.UNSET
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice]
    error: None = None  # one that says something is no chunk


class _StreamMessage(msgspec.Struct):
    """Anything that may come instead of a chunk: an error, or what a particular provider has to say."""

    choices: list[_Choice] | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw = msgspec.Raw(b"null")


class Guard:
    """The state of one stream. Feed it blocks, then `close` it, and send what they return. It never raises.

    `clean` is applied to events that are not chunks of an answer, such as a provider's own notices. `dropped`:
    events left out so far. `upstream_error`: what the first error inside the stream said; it never goes to the
    client. `done`: the end was seen and nothing more will be let through. `finished`: a choice was complete.
    """

    def __init__(self, clean: Callable[[bytes], bytes] = bytes) -> None:
        self.dropped = 0
        self.upstream_error: bytes | None = None
        self.done = False
        self.finished = False
        self._clean = clean
        self._tail: list[bytes] = []
        self._held = 0
        self._seam = b""
        self._said_done = False
        self._chunks = msgspec.json.Decoder(_Chunk)
        self._messages = msgspec.json.Decoder(_StreamMessage)

    @property
    def is_sound(self) -> bool:
        """Whether nothing had to be left out."""
        return not self.dropped and self.upstream_error is None

    def SSEFilter(self, block: bytes) -> bytes:
        """What came so far that is complete and good and was not returned before.

        `[DONE]` is among it only if all was well; else `close` has it, so that there is room for a last word.
        """
        if self.done:
            return b""
        if self._held or not block.endswith(b"\n\n"):
            block = self._whole_events(block)
        if self._is_good(block):
            return block
        return b"".join(map(self._pass, _events(block)))

    def close(self) -> tuple[bytes, bytes]:
        """The last event, if it is good and lacks but its blank line, and `[DONE]` unless it was returned before."""
        rest = b"".join(self._tail).rstrip(b"\r\n")
        self._tail, self._held, self._seam = [], 0, b""
        last = self._pass(rest + b"\n\n") if rest and not self.done else b""
        self.done = True
        end = b"" if self._said_done else DONE
        self._said_done = True
        return last.removesuffix(DONE), end

    def _whole_events(self, block: bytes) -> bytes:
        """What is complete, with what was kept back before it; the beginning of the next event is kept back."""
        text = self._seam + block  # a blank line may come torn apart
        ends = [end.end() - len(self._seam) for end in _END.finditer(text)]
        if not ends:
            self._seam = text[-2:]
            self._keep(block)
            return b""
        if self._held > LARGEST_EVENT:  # it has been given up: go on after its end
            whole = block[ends[0] : ends[-1]]
        else:
            whole = b"".join((*self._tail, block[: ends[-1]]))
        rest = block[ends[-1] :]
        self._tail, self._held, self._seam = [], 0, rest[-2:]
        self._keep(rest)
        return whole

    def _keep(self, block: bytes) -> None:
        if self._held > LARGEST_EVENT or not block:
            return
        self._tail.append(block)
        self._held += len(block)
        if self._held > LARGEST_EVENT:
            self._tail = []
            self.dropped += 1

    def _is_good(self, block: bytes) -> bool:
        """Whether a block is nothing but good chunks, and the end at most. False only means: look closer.

        The decoder takes one value after the other; as many values as events means one in each, but for faults
        in two events that cancel out: those pass.
        """
        if not block.startswith(b"data:"):
            return False
        payloads = block[5:-2].split(b"\n\ndata:")
        ends = payloads[-1].strip() == b"[DONE]"
        if ends:
            payloads.pop()
            if not payloads or not self.is_sound:
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
        for chunk in chunks[
            -3:
        ]:  # nothing but a chunk about usage comes after the one that finishes
            self._note(chunk.choices)
        self.done = self._said_done = ends
        return True

    def _pass(self, event: bytes) -> bytes:
        """One event with the blank line that ends it, or nothing if it is no good."""
        lines = [line.removesuffix(b"\r") for line in event.split(b"\n")]
        data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
        payload = b"\n".join(data)
        if self.done:
            return b""
        if payload.strip() == b"[DONE]":
            self.done = True
            self._said_done = self.is_sound
            return DONE if self._said_done else b""
        try:
            event.decode()
            if b"\x00" in event:
                raise msgspec.DecodeError
            return (
                self._pass_data(payload, lines, event) if data else self._pass_fields(lines, event)
            )
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.dropped += 1
            return b""

    def _pass_data(self, payload: bytes, lines: list[bytes], event: bytes) -> bytes:
        message = self._messages.decode(payload)
        if bytes(message.error) != b"null" or any(map(_is_error, lines)):
            self.upstream_error = self.upstream_error or payload
            return b""
        if not message.choices:
            return self._clean(event)
        self._note(message.choices)
        return event

    def _pass_fields(self, lines: list[bytes], event: bytes) -> bytes:
        """An event without data: a comment keeps a connection open, a blank one says nothing."""
        if any(line and not line.startswith(_FIELDS) for line in lines):
            raise msgspec.DecodeError
        return self._clean(event) if any(lines) else b""

    def _note(self, choices: list[_Choice]) -> None:
        if choices and choices[-1].finish_reason:
            self.finished = True


def _events(block: bytes) -> Iterator[bytes]:
    """The events of a block, each with the blank line that ends it."""
    begin = 0
    for end in _END.finditer(block):
        yield block[begin : end.end()]
        begin = end.end()


def _is_error(line: bytes) -> bool:
    return line.startswith(b"event:") and line[6:].strip() == b"error"
