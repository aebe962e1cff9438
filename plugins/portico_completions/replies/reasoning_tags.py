"""Finds the reasoning of a model in its text, between tags such as `<think>` and `</think>`.

The text arrives in pieces and a tag may be divided between two of them. Only literal texts are searched, so the time
is linear in the length of the text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
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


class _BegunTag:
    """Finds the beginning of a tag at the end of a text."""

    def __init__(self, tags: Iterable[str]) -> None:
        beginnings = {tag[:length] for tag in tags for length in range(1, len(tag))}
        self._max_chars = max(map(len, beginnings), default=0)
        # One search instead of a comparison with each tag: this is done for each delta.
        self._pattern = re.compile(rf"(?:{'|'.join(map(re.escape, beginnings))})\Z")

    def start_in(self, text: str) -> int:
        """Return where the longest beginning of a tag starts; the length of the text if there is none."""
        if not self._max_chars:
            return len(text)
        found = self._pattern.search(text, max(0, len(text) - self._max_chars))
        return len(text) if found is None else found.start()


class ReasoningSplitter:
    """Splits a text into what is reasoning and what is not. `feed` each piece, then `close`."""

    def __init__(self, tags: Sequence[tuple[str, str]] = DEFAULT_TAGS) -> None:
        self._ends = dict(tags)
        self._starts = re.compile("|".join(map(re.escape, self._ends))) if tags else None
        self._begun_starts = _BegunTag(self._ends)
        self._begun_ends = {end: _BegunTag((end,)) for end in self._ends.values()}
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
        begun = self._begun_ends[self._end] if self._end else self._begun_starts
        end = begun.start_in(rest)
        self._held = rest[end:]
        if end:
            yield TextPart(rest[:end], bool(self._end))

    def close(self) -> Iterator[TextPart]:
        """Yield what was held back."""
        if self._held:
            yield TextPart(self._held, bool(self._end))
            self._held = ""
