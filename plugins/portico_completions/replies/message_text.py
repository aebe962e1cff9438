"""The text of a message that a model is generating: what was said, reasoning and tool calls, as clients display them.

Source of the markup: the API's clients read `<details type="reasoning">` and `<details type="tool_calls">`.
"""

import html
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from portico_completions.replies.reasoning_tags import DEFAULT_TAGS, ReasoningSplitter

OPEN_REASONING: Final = '<details type="reasoning" done="false">\n<summary>Thinking…</summary>\n'
_DONE_REASONING: Final = '<details type="reasoning" done="true" duration="{0}">\n<summary>Thought for {0} seconds</summary>\n'
_END_DETAILS: Final = "\n</details>"
_QUOTE: Final = "&gt; "
_TOOL_CALL: Final = (
    '<details type="tool_calls" done="true" id="{}" name="{}" arguments="{}" result="" files="" embeds="">\n'
    "<summary>Tool Call</summary>\n</details>"
)


class TextChange(NamedTuple):
    """What changed in a text: from character `start` on it is `text`."""

    start: int
    text: str


class ToolCall(NamedTuple):
    """A call of a tool that the model asks for. `arguments`: JSON as the model wrote it."""

    id: str
    name: str
    arguments: str


def text_after(changes: Iterable[TextChange]) -> str:
    """Return the text after these changes. Linear in their length."""
    parts: list[str] = []
    chars = 0
    for change in changes:
        while parts and chars > change.start:
            last = parts.pop()
            chars -= len(last)
            if chars < change.start:
                parts.append(last[: change.start - chars])
                chars = change.start
        parts.append(change.text)
        chars += len(change.text)
    return "".join(parts)


def finished_text(text: str) -> str:
    """Return the text of an interrupted message with its reasoning marked as ended."""
    head, found, tail = text.rpartition(OPEN_REASONING)
    return (head + _DONE_REASONING.format(0) + tail if found else text).strip()


class MessageText:
    """The growing text of one message. Appending costs what is appended, however long the text is.

    `before`: the text that the message has already. `clock`: seconds, for the duration of the reasoning.
    """

    def __init__(
        self,
        before: str = "",
        tags: Sequence[tuple[str, str]] = DEFAULT_TAGS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._splitter = ReasoningSplitter(tags)
        self._parts: list[str] = [before] if before else []
        self._chars = len(before)
        self._is_blank = not before.strip()  # no text since the last block
        self._began: float | None = None  # when the open reasoning began
        self._tagged = False  # the open reasoning is between tags
        self._reasoning_part = self._reasoning_char = 0
        self._taken_part = self._taken_char = 0
        self._is_changed = bool(before)

    def __len__(self) -> int:
        """Return the number of characters."""
        return self._chars + len(self._tail())

    def append(self, text: str) -> None:
        """Append text of the model, in which reasoning may be between tags."""
        if self._began is not None and not self._tagged:
            self._end_reasoning()
        self._append_parts(self._splitter.feed(text))

    def append_reasoning(self, text: str) -> None:
        """Append reasoning that the provider has sent apart from the text."""
        if self._began is None:
            self._append_parts(self._splitter.close())
        if self._began is None:
            self._begin_reasoning(tagged=False)
        self._add(_quoted(text))

    def close(self, calls: Sequence[ToolCall] = ()) -> None:
        """End the text. `calls`: the tools that the model asks for, which are appended."""
        self._append_parts(self._splitter.close())
        if self._began is not None:
            self._end_reasoning()
        for call in calls:
            markup = _TOOL_CALL.format(*map(html.escape, call))
            self._add(("\n" if self._chars else "") + markup)

    def text(self) -> str:
        """Return the whole text, without blanks around it."""
        return ("".join(self._parts) + self._tail()).strip()

    def take_change(self) -> TextChange | None:
        """Return what changed since the last call; None = nothing."""
        if not self._is_changed:
            return None
        self._is_changed = False
        change = TextChange(
            self._taken_char, "".join(self._parts[self._taken_part :]) + self._tail()
        )
        self._taken_part, self._taken_char = len(self._parts), self._chars
        return change

    def _append_parts(self, parts: Any) -> None:
        for part in parts:
            if not part.is_reasoning:
                self._add_text(part.text)
                continue
            if self._began is None:
                self._begin_reasoning(tagged=True)
            if part.text:
                self._add(_quoted(part.text))
            if part.ends:
                self._end_reasoning()

    def _add_text(self, text: str) -> None:
        if self._is_blank:
            text = text.lstrip()
        if text:
            self._is_blank = False
            self._add(text)

    def _add(self, text: str) -> None:
        if text:
            self._parts.append(text)
            self._chars += len(text)
            self._is_changed = True

    def _tail(self) -> str:
        return "" if self._began is None else _END_DETAILS

    def _begin_reasoning(self, *, tagged: bool) -> None:
        if self._chars:
            self._add("\n")
        self._began, self._tagged = self._clock(), tagged
        self._reasoning_part, self._reasoning_char = len(self._parts), self._chars
        self._add(OPEN_REASONING + _QUOTE)

    def _end_reasoning(self) -> None:
        """Close the open reasoning: its first line changes, so it is taken again from there."""
        seconds = int(self._clock() - (self._began or 0.0))
        content = "".join(self._parts[self._reasoning_part :]).removeprefix(OPEN_REASONING)
        del self._parts[self._reasoning_part :]
        self._chars = self._reasoning_char
        if self._taken_part > self._reasoning_part:
            self._taken_part, self._taken_char = self._reasoning_part, self._reasoning_char
        self._began, self._is_blank, self._is_changed = None, True, True
        if content.replace(_QUOTE, "").strip():
            self._add(_DONE_REASONING.format(seconds) + content.rstrip() + _END_DETAILS + "\n")


def _quoted(text: str) -> str:
    return html.escape(text).replace("\n", "\n" + _QUOTE)
