"""Reads chat completions, whole or streamed, for those who translate them to another protocol."""

from typing import Any

import msgspec

from portico.gateway.call import TokenUsage
from portico.gateway.reported_usage import merged_usage
from portico.prompts import content_text
from portico.server_sent_events import DONE, EventSplitter, event_data


class CalledFunction(msgspec.Struct, gc=False):
    """A piece of a call of a function: its name, and more of its arguments."""

    name: Any = None
    arguments: Any = None


class ToolCallPiece(msgspec.Struct, gc=False):
    """A piece of a call of a tool. `index`: which one; None if the answer is not streamed."""

    index: Any = None
    id: Any = None
    function: CalledFunction | None = None


class AnswerPiece(msgspec.Struct, gc=False):
    """A piece of an answer; all of it if the answer is not streamed. Sources write what they like, so types are open."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    thinking: Any = None
    refusal: Any = None
    tool_calls: list[ToolCallPiece | None] | None = None

    @property
    def text(self) -> str:
        """The text."""
        return self.content if isinstance(self.content, str) else content_text(self.content)

    @property
    def reasoning_text(self) -> str:
        """The text of the reasoning, under any of its names."""
        for found in (self.reasoning_content, self.reasoning, self.thinking):
            if isinstance(found, str) and found:
                return found
        return ""


class AnswerChoice(msgspec.Struct, gc=False):
    """One choice. `stop_reason`: of some sources, the sequence that ended it. `logprobs`: raw."""

    index: Any = None
    delta: AnswerPiece | None = None
    message: AnswerPiece | None = None
    finish_reason: Any = None
    stop_reason: Any = None
    logprobs: msgspec.Raw = msgspec.Raw(b"null")


class ChatAnswer(msgspec.Struct, gc=False):
    """A chunk, or a whole chat completion."""

    choices: list[AnswerChoice | None] | None = None
    service_tier: Any = None

    @property
    def first(self) -> AnswerChoice | None:
        """The first choice, if something of it is here."""
        for choice in self.choices or ():
            if choice is not None and choice.index in (None, 0):
                return choice
        return None


class ChatAnswerReader:
    """Reads one answer. `usage`: as the source has reported it so far; None = it has not."""

    def __init__(self) -> None:
        self.usage: TokenUsage | None = None
        self._splitter = EventSplitter()
        self._decoder = msgspec.json.Decoder(ChatAnswer)

    def feed(self, block: bytes) -> list[ChatAnswer]:
        """Return the chunks that are complete now. What cannot be read is left out."""
        found = []
        for event in self._splitter.feed(block):
            data = event_data(event)
            if data and data != DONE and (answer := self.read(data)) is not None:
                found.append(answer)
        return found

    def read(self, document: bytes) -> ChatAnswer | None:
        """Return a chunk, or a whole completion; None if it cannot be read."""
        if b'"usage"' in document:
            self.usage = merged_usage([document], is_split=False) or self.usage
        try:
            return self._decoder.decode(document)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
