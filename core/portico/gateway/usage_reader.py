"""Finds the usage that a source reports in its answer. The bytes are searched, and only what is found is decoded, once."""

import re
from collections import deque
from collections.abc import Iterator
from typing import Final

from portico.gateway.call import GatewayCall, TokenUsage
from portico.gateway.reported_usage import merged_usage
from portico.gateway.usage_estimate import estimated_input, estimated_output, estimated_stream
from portico.server_sent_events import MAX_EVENT_BYTES, event_data

#: What has the figures. Text cannot match: in a JSON string, a quotation mark has a backslash before it.
_KEYS: Final = (b'"usage"', b'"timings"', b'eval_count"')
#: What follows a key, if it is not null.
_FIGURES: Final = re.compile(rb"\s*:\s*[{\d]")
_DONE: Final = re.compile(rb"^data: ?\[DONE\]")
_MESSAGE_STOP: Final = re.compile(rb'"type"\s*:\s*"message_stop"')
_RESPONSE_COMPLETED: Final = re.compile(rb'"type"\s*:\s*"response\.completed"')
_OLLAMA_DONE: Final = re.compile(rb'"done"\s*:\s*true')
#: The ends of streams of OpenAI, Anthropic and Ollama: what is searched for, and what its line then has to have.
_ENDS: Final = (
    (b"[DONE]", _DONE),
    (b'"message_stop"', _MESSAGE_STOP),
    (b'"response.completed"', _RESPONSE_COMPLETED),
    (b'"done"', _OLLAMA_DONE),
)
#: Blocks that are kept, of all and of those with a usage: the last ones, since a later one may be null, or an object of
#: another meaning that has the same name.
_KEPT_BLOCKS: Final = 4
#: The block from which the size of an event without text is taken: the first often has a role and no text.
_SAMPLED_BLOCK: Final = 2
#: Bytes at the end of a block in which the end of the stream is looked for, and figures without a usage, which stand there.
_END_BYTES: Final = 8192
#: In a longer answer that is not streamed, only the beginning and the end are searched.
_MAX_DECODED_BYTES: Final = 256 * 1024
_EDGE_BYTES: Final = 4096


class UsageReader:
    """Reads the usage of one call. Keeps a few blocks of a stream."""

    def __init__(self, call: GatewayCall) -> None:
        self._call = call
        self._operation = call.request.operation
        self._input_tokens: int | None = None
        self._first = self._sample = self._whole = b""
        self._recent: deque[bytes] = deque(maxlen=_KEPT_BLOCKS)
        self._found: deque[bytes] = deque(maxlen=_KEPT_BLOCKS)
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._bytes = self._events = 0

    @property
    def has_ended(self) -> bool:
        """Whether the last block had the end of the stream."""
        last = b"".join((*(one[-_END_BYTES:] for one in list(self._recent)[-1:]), *self._held))
        return any(
            (found := last.rfind(mark)) >= 0 and pattern.search(_line_at(last, found))
            for mark, pattern in _ENDS
        )

    @property
    def has_answer(self) -> bool:
        """Whether anything was read."""
        return bool(self._whole or self._recent or self._held)

    def begin_answer(self) -> None:
        """Note how large the request is, which is let go now."""
        self._input_tokens = estimated_input(self._call.request)

    def feed(self, block: bytes) -> None:
        """Read a block of a stream. Runs for each block: it searches twice, and decodes nothing."""
        if self._held or block[-1:] != b"\n":  # most sources send whole events
            block = self._complete_lines(block)
            if not block:
                return
        self._recent.append(block)
        self._bytes += len(block)
        self._events += block.count(b"\ndata:") + 1
        if block.find(b'"usage"') >= 0:  # quicker than `in`
            self._first = self._first or block
            self._found.append(block)
        if not self._sample and len(self._recent) == _SAMPLED_BLOCK:
            self._sample = block

    def feed_whole(self, body: bytes) -> None:
        """Read an answer that is not streamed."""
        self._whole = body

    def usage(self) -> TokenUsage:
        """Return the usage: as reported, or else estimated from the sizes of request and answer."""
        reported = merged_usage(self._documents(), is_split=self._operation == "messages")
        if reported is not None:
            return reported
        if self._operation == "embeddings":
            output = 0
        elif self._whole:
            output = estimated_output(self._whole)
        else:
            sample = self._sample or b"".join(self._recent)
            # The last event ends the stream, and has no text.
            output = estimated_stream(self._bytes, self._events - self.has_ended, sample)
        return TokenUsage(
            input_tokens=self._estimated_input(), output_tokens=output, is_estimated=True
        )

    def _estimated_input(self) -> int:
        if self._input_tokens is None:
            return estimated_input(self._call.request)
        return self._input_tokens

    def _complete_lines(self, block: bytes) -> bytes:
        """Return the lines that are complete now, and hold the rest."""
        if self._held_bytes > MAX_EVENT_BYTES:
            self._held, self._held_bytes = [], 0
        cut = block.rfind(b"\n") + 1
        lines = b"".join((*self._held, block[:cut])) if cut else b""
        if cut:
            self._held, self._held_bytes = [], 0
        if rest := block[cut:]:
            self._held.append(rest)
            self._held_bytes += len(rest)
        return lines

    def _documents(self) -> Iterator[bytes]:
        """Yield the JSON documents that may have the usage, the newest first; that of the beginning comes last."""
        if len(self._whole) > _MAX_DECODED_BYTES:
            yield from map(_figures_in, _edges(self._whole))
            return
        if self._whole:
            yield self._whole
            return
        held = b"".join(self._held)
        places = [(block, _KEYS[0]) for block in (held, *reversed(self._found), self._first)]
        ends = [held, *(block[-_END_BYTES:] for block in reversed(self._recent))]
        places += [(block, key) for key in _KEYS[1:] for block in ends]
        for block, key in places:
            for line in _lines_with(block, key):
                yield event_data(line) or line


def _lines_with(block: bytes, key: bytes) -> Iterator[bytes]:
    """Yield the lines that have figures under a key, the last one first."""
    found = block.rfind(key)
    while found >= 0:
        if _FIGURES.match(block, found + len(key)):
            yield _line_at(block, found)
            found = block.rfind(b"\n", 0, found) + 1
        found = block.rfind(key, 0, found)


def _line_at(block: bytes, place: int) -> bytes:
    begin, end = block.rfind(b"\n", 0, place) + 1, block.find(b"\n", place)
    return block[begin:] if end < 0 else block[begin:end]


def _edges(body: bytes) -> tuple[bytes, bytes]:
    return body[-_EDGE_BYTES:], body[:_EDGE_BYTES]


def _figures_in(text: bytes) -> bytes:
    """Return a document with the last usage in a part of an answer. No string in a usage has braces."""
    found = text.rfind(_KEYS[0])
    value = _FIGURES.match(text, found + len(_KEYS[0])) if found >= 0 else None
    if value is None or not value.group().endswith(b"{"):
        return b""
    begin, depth = value.end() - 1, 0
    for place in range(begin, len(text)):
        depth += {0x7B: 1, 0x7D: -1}.get(text[place], 0)
        if depth == 0:
            return b'{"usage":' + text[begin : place + 1] + b"}"
    return b""
