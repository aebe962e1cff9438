"""Reads the usage that sources report in their answers. The bytes are searched, and only what is found is parsed."""

import re
from typing import Any, Final

import msgspec

from portico.catalogue import SourceRequest
from portico.gateway.call import TokenUsage

#: Ends of streams: OpenAI's and Anthropic's.
_ENDS: Final = (b"data: [DONE]", b'"message_stop"', b'"response.completed"')
_USAGE: Final = re.compile(rb'"usage"\s*:\s*\{')
#: Characters of a token on average, for answers without a usage.
CHARS_PER_TOKEN: Final = 4


class _TokenDetails(msgspec.Struct):
    cached_tokens: Any = None
    reasoning_tokens: Any = None


class _ReportedTokens(msgspec.Struct):
    prompt_tokens: Any = None
    completion_tokens: Any = None
    input_tokens: Any = None
    output_tokens: Any = None
    prompt_tokens_details: _TokenDetails | None = None
    completion_tokens_details: _TokenDetails | None = None


class UsageReader:
    """Reads the usage of one call."""

    def __init__(self, request: SourceRequest) -> None:
        self._request = request
        self._found = b""
        self.has_ended = False

    def feed(self, block: bytes) -> None:
        """Read a block of a stream."""
        if b'"usage"' in block:
            self._note(block)
        if any(end in block for end in _ENDS):
            self.has_ended = True

    def feed_whole(self, body: bytes) -> None:
        """Read an answer that is not streamed."""
        self._note(body)

    def usage(self) -> TokenUsage:
        """Return the usage."""
        try:
            found = msgspec.json.decode(self._found, type=_ReportedTokens) if self._found else None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            found = None
        if found is None:
            return TokenUsage(is_estimated=True)
        return TokenUsage(
            input_tokens=_count(found.prompt_tokens, found.input_tokens),
            output_tokens=_count(found.completion_tokens, found.output_tokens),
            cached_tokens=_count(
                found.prompt_tokens_details and found.prompt_tokens_details.cached_tokens
            ),
            reasoning_tokens=_count(
                found.completion_tokens_details and found.completion_tokens_details.reasoning_tokens
            ),
        )

    def _note(self, block: bytes) -> None:
        if found := list(_USAGE.finditer(block)):
            self._found = _object(block[found[-1].end() - 1 :])


def _object(text: bytes) -> bytes:
    """Return the JSON object at the beginning of a text. Strings in it contain no braces: it is a usage."""
    depth = 0
    for place, byte in enumerate(text):
        if byte == 0x7B:
            depth += 1
        elif byte == 0x7D:
            depth -= 1
            if depth == 0:
                return text[: place + 1]
    return b""


def _count(*values: Any) -> int:
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            return int(value)
    return 0
