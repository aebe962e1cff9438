"""The texts of a conversation as a task model is shown them: without reasoning, results of tools and pictures.

All in linear time: the texts are those of users and models.
"""

import re
from collections.abc import Sequence
from typing import Final, overload

from portico.api.interfaces import ChatMessage

#: Characters of one message that are shown; more of it is cut out of its middle. A title does not need them, and a task
#: model may have a small context.
MAX_MESSAGE_CHARS: Final = 20_000
_GAP: Final = "\n[…]\n"

_DETAILS_TAG: Final = re.compile(r"<details(?=[\s>])|</details\s*+>", re.IGNORECASE)


class ConversationLines(Sequence[str]):
    """The lines `ROLE: text` of a conversation. A text is prepared when its line is read, once."""

    def __init__(self, messages: Sequence[ChatMessage]) -> None:
        self._messages = messages
        self._lines: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._messages)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        places = range(len(self._messages))[index]
        if isinstance(places, range):
            return [self._line(place) for place in places]
        return self._line(places)

    def _line(self, place: int) -> str:
        if place not in self._lines:
            message = self._messages[place]
            self._lines[place] = f"{message.role.upper()}: {shown_text(message.text)}"
        return self._lines[place]


def last_user_text(messages: Sequence[ChatMessage]) -> str:
    """Return the user's last message as it is shown; empty if there is none."""
    return next((shown_text(one.text) for one in reversed(messages) if one.role == "user"), "")


def shown_text(text: str) -> str:
    """Return a text without `<details>` blocks and pictures, and without its middle if it is too long."""
    text = without_pictures(without_details(text)).strip()
    if len(text) <= MAX_MESSAGE_CHARS:
        return text
    half = MAX_MESSAGE_CHARS // 2
    return text[:half] + _GAP + text[-half:]


def without_details(text: str) -> str:
    """Return a text without its `<details>` blocks, with all that is in them. One without an end stays."""
    blocks: list[tuple[int, int]] = []
    open_at: list[int] = []
    for tag in _DETAILS_TAG.finditer(text):
        if not tag[0].endswith(">"):
            open_at.append(tag.start())
        elif open_at:
            start = open_at.pop()
            while blocks and blocks[-1][0] > start:  # they are inside of this one
                blocks.pop()
            blocks.append((start, tag.end()))
    return _without(text, blocks)


def without_pictures(text: str) -> str:
    """Return a text without the pictures of Markdown: `![description](address)`."""
    blocks: list[tuple[int, int]] = []
    at = 0
    while (middle := text.find("](", at)) >= 0:
        start = text.rfind("![", at, middle)
        is_picture = start >= 0 and "]" not in text[start:middle]
        at = middle + 2
        if is_picture:
            at = text.find(")", at) + 1
            if not at:
                break
            blocks.append((start, at))
    return _without(text, blocks)


def _without(text: str, blocks: Sequence[tuple[int, int]]) -> str:
    """Return a text without these parts, which are in order and do not overlap."""
    at, pieces = 0, []
    for start, end in blocks:
        pieces.append(text[at:start])
        at = end
    return "".join([*pieces, text[at:]])
