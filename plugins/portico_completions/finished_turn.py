"""The end of a turn: the client tells which messages it shows, and learns what is stored of the reply."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api import InvalidRequest
from portico.api.json import optional_value, required_value

#: Keys without which the request is refused.
REQUIRED_KEYS: Final = ("model", "chat_id", "id", "session_id")


class _MessageId(msgspec.Struct):
    id: str = ""


class FinishedTurn(msgspec.Struct, frozen=True):
    """A client's request at the end of a turn.

    `messages`: the conversation; None if the client sent none. `body`: all keys that are returned. `is_direct`: the
    model is the client's own, which the server does not know. `socket_id`: the session id that the client sends.
    """

    model: str
    chat_id: str
    message_id: str
    messages: list[msgspec.Raw] | None
    body: Mapping[str, msgspec.Raw]
    is_direct: bool
    socket_id: str = ""

    def with_content(self, content: str | None) -> dict[str, Any]:
        """Return the body of the response: the client's, with `content` as the text of the reply; None = unchanged."""
        if content is None or self.messages is None:
            return dict(self.body)
        messages = [self._with_content(message, content) for message in self.messages]
        return {**self.body, "messages": messages}

    def _with_content(self, message: msgspec.Raw, content: str) -> msgspec.Raw | dict[str, Any]:
        try:
            is_reply = msgspec.json.decode(message, type=_MessageId).id == self.message_id
        except msgspec.ValidationError:  # of another client, which may add what it likes
            return message
        if not is_reply:
            return message
        return msgspec.json.decode(message, type=dict[str, msgspec.Raw]) | {"content": content}


def parse_finished_turn(data: Mapping[str, msgspec.Raw]) -> FinishedTurn:
    """Parse a request.

    Raises: InvalidRequest if a key is missing, as clients expect; ValidationError if the value of one has another type.
    """
    for key in REQUIRED_KEYS:
        if key not in data:
            raise InvalidRequest(f"The body has no key '{key}'.")
    item = optional_value(data, "model_item", dict[str, msgspec.Raw]) or {}
    return FinishedTurn(
        model=required_value(data, "model", str),
        chat_id=required_value(data, "chat_id", str),
        message_id=required_value(data, "id", str),
        messages=optional_value(data, "messages", list[msgspec.Raw]),
        body={key: value for key, value in data.items() if key != "model_item"},
        socket_id=optional_value(data, "session_id", str) or "",
        is_direct=bytes(item.get("direct", b"")) == b"true",
    )
