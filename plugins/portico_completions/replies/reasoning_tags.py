"""Finds the reasoning of a model in its text, between tags such as `<think>` and `</think>`.

The text arrives in pieces and a tag may be divided between two of them. Only literal texts are searched, so the time
is linear in the length of the text.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

#: Pairs of an opening and a closing tag. Source: the API's clients expect these.
DEFAULT_TAGS: Final = (
    *(
        (f"<{name}>", f"</{name}>")
        for name in ("think", "thinking", "reason", "reasoning", "thought", "Thought")
    ),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("◁think▷", "◁/think▷"),
)
#: Characters of a tag that an operator or a client configures.
MAX_TAG_CHARS: Final = 100


class TextPart(NamedTuple):
    """A part of a model's text. `is_reasoning`: between tags. `ends`: the closing tag follows."""

    text: str
    is_reasoning: bool
    ends: bool = False


def tags_of(option: Any) -> Sequence[tuple[str, str]]:
    """Return the tags for the value of the parameter `reasoning_tags`: false = none, a pair = that one, else the default."""
    if option is False:
        return ()
    if isinstance(option, list | tuple) and len(option) == 2:
        start, end = option
        if all(isinstance(tag, str) and 0 < len(tag) <= MAX_TAG_CHARS for tag in option):
            return ((start, end),)
    return DEFAULT_TAGS


class ReasoningSplitter:
    """Splits a text into what is reasoning and what is not. `feed` each piece, then `close`."""

    def __init__(self, tags: Sequence[tuple[str, str]] = DEFAULT_TAGS) -> None:
        self._ends = dict(tags)
        self._starts = re.compile("|".join(map(re.escape, self._ends))) if tags else None
        self._start_tags = tuple(self._ends)
        #: The closing tag that is expected; empty outside of reasoning.
        self._end = ""
        #: The end of the text so far, if a tag may begin there.
        self._held = ""

    def feed(self, text: str) -> Iterator[TextPart]:
        """Yield the parts of the next piece of text. The beginning of a tag is held back."""
        if self._starts is None:
            yield TextPart(text, False)
            return
        text, self._held = self._held + text, ""
        at = 0
        while at < len(text):
            if self._end:
                found = text.find(self._end, at)
                if found < 0:
                    break
                yield TextPart(text[at:found], True, ends=True)
                at, self._end = found + len(self._end), ""
            else:
                tag = self._starts.search(text, at)
                if tag is None:
                    break
                if tag.start() > at:
                    yield TextPart(text[at : tag.start()], False)
                at, self._end = tag.end(), self._ends[tag[0]]
                yield TextPart("", True)
        rest = text[at:]
        held = self._held_chars(rest)
        self._held = rest[len(rest) - held :]
        if len(rest) > held:
            yield TextPart(rest[: len(rest) - held], bool(self._end))

    def close(self) -> Iterator[TextPart]:
        """Yield what was held back."""
        if self._held:
            yield TextPart(self._held, bool(self._end))
            self._held = ""

    def _held_chars(self, text: str) -> int:
        """Return how many characters at the end of the text may be the beginning of a tag."""
        tags = (self._end,) if self._end else self._start_tags
        longest = min(len(text), max(map(len, tags)) - 1)
        for length in range(longest, 0, -1):
            end = text[-length:]
            if any(tag.startswith(end) for tag in tags):
                return length
        return 0
