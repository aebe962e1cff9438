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
#: Characters of one message that are searched for what is left out. Reasoning may be long, and the answer is behind it.
MAX_SEARCHED_CHARS: Final = 100_000
_GAP: Final = "\n[…]\n"

_DETAILS_TAG: Final = re.compile(r"<details(?=[\s>])|</details\s*+>", re.IGNORECASE)
_PICTURE: Final = re.compile(r"!\[[^\[\]]*+\]\([^()]*+\)")


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
    searched = without_middle(text, MAX_SEARCHED_CHARS)
    return without_middle(without_pictures(without_details(searched)).strip(), MAX_MESSAGE_CHARS)


def without_middle(text: str, most: int) -> str:
    """Return a text of at most so many characters, and a mark where its middle was."""
    if len(text) <= most:
        return text
    half = most // 2
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
    return _PICTURE.sub("", text)


def _without(text: str, blocks: Sequence[tuple[int, int]]) -> str:
    """Return a text without these parts, which are in order and do not overlap."""
    at, pieces = 0, []
    for start, end in blocks:
        pieces.append(text[at:start])
        at = end
    return "".join([*pieces, text[at:]])
