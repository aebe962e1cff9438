"""The texts of a conversation as a task model is shown them: without reasoning, results of tools and pictures."""

from collections.abc import Sequence
from typing import overload

from portico.api.interfaces import ChatMessage
from portico.api.prompts import shown_text


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
