"""A parsed completion request: Portico's own keys, and the rest, which is forwarded unchanged."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from portico.api.interfaces import TEMPORARY_CHAT_PREFIX, BackgroundTasks
from portico.api.json import field_error, optional_value, required_value
from portico.api.models import FILTER_OPTIONS, OWN_KEYS, is_own_key

#: Bytes of the parameters and of the variables of a request, which are decoded.
MAX_OPTION_BYTES = 1024 * 1024

_ID = re.compile(r"(?!.*\.\.)[\w.:@~-]{1,256}", re.ASCII)


class CompletionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A client's completion request.

    `body`: the forwarded keys, raw, without `model`, `messages` and `stream`. `params`: the chat's parameters.
    `variables`: text by placeholder. `direct`: the client asks for a model of its own that the server does not
    know. `size`: bytes of the whole request. `session_id`: the client's socket; with a chat and a message the reply is
    delivered in events. `model_item`: the client's entry of the model. `wanted`: what is generated after the reply.
    `options`: the keys that filters of plugins read, raw.
    """

    model: str
    messages: list[msgspec.Raw]
    stream: bool
    body: Mapping[str, msgspec.Raw]
    params: Mapping[str, Any] = {}
    variables: Mapping[str, str] = {}
    chat_id: str | None = None
    message_id: str | None = None
    parent_id: str | None = None
    direct: bool = False
    size: int = 0
    session_id: str | None = None
    model_item: msgspec.Raw = msgspec.Raw(b"null")
    wanted: BackgroundTasks = BackgroundTasks()
    options: Mapping[str, msgspec.Raw] = {}

    @property
    def is_temporary(self) -> bool:
        """Return whether the chat exists in the browser only."""
        return self.chat_id is not None and is_temporary(self.chat_id)

    @property
    def wants_events(self) -> bool:
        """Return whether the reply is delivered in events, and the response only names its task."""
        return bool(self.session_id and self.chat_id and self.message_id)


def parse_request(data: Mapping[str, msgspec.Raw], size: int = 0) -> CompletionRequest:
    """Parse a request. Raises: ValidationError, naming the key."""
    # Programs that know OpenAI's API send none of our own keys.
    own = {} if OWN_KEYS.isdisjoint(data) else _own_values(data)
    return CompletionRequest(
        model=required_value(data, "model", str),
        messages=_messages(data),
        stream=bool(optional_value(data, "stream", bool)),
        body={key: value for key, value in data.items() if is_forwarded(key)},
        size=size,
        **own,
    )


def _own_values(data: Mapping[str, msgspec.Raw]) -> dict[str, Any]:
    """Return the fields of a request that Portico's own keys set."""
    for key in ("params", "variables"):
        if len(memoryview(data.get(key, b""))) > MAX_OPTION_BYTES:
            raise field_error(key, "too_long", f"At most {MAX_OPTION_BYTES} bytes")
    item = optional_value(data, "model_item", dict[str, msgspec.Raw]) or {}
    return {
        "params": optional_value(data, "params", dict[str, Any]) or {},
        "variables": _variables(optional_value(data, "variables", dict[str, Any]) or {}),
        "chat_id": _read_id(data, "chat_id"),
        "message_id": _read_id(data, "id"),
        "parent_id": _read_id(data, "parent_id"),
        "session_id": _read_id(data, "session_id"),
        "model_item": data.get("model_item", msgspec.Raw(b"null")),
        "wanted": optional_value(data, "background_tasks", BackgroundTasks) or BackgroundTasks(),
        "options": {key: data[key] for key in FILTER_OPTIONS if key in data},
        "direct": bytes(item.get("direct", b"")) == b"true",
    }


def is_temporary(chat_id: str) -> bool:
    """Return whether a chat exists in the browser only."""
    return chat_id.startswith(TEMPORARY_CHAT_PREFIX)


def is_forwarded(key: str) -> bool:
    """Return whether a key of a request, or of its parameters, is forwarded to the provider."""
    return key not in ("model", "messages", "stream") and not is_own_key(key)


def _messages(data: Mapping[str, msgspec.Raw]) -> list[msgspec.Raw]:
    messages: list[msgspec.Raw] = required_value(data, "messages", list[msgspec.Raw])
    for place, message in enumerate(messages):
        if bytes(message).lstrip()[:1] != b"{":
            raise field_error(["messages", place], "dict_type", "Expected `object`")
    return messages


def _variables(variables: Mapping[str, Any]) -> dict[str, str]:
    # Only keys in the form of a placeholder count: otherwise a client could replace any word of a model's prompt.
    return {
        key: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for key, value in variables.items()
        if key.startswith("{{") and key.endswith("}}")
    }


def _read_id(data: Mapping[str, msgspec.Raw], key: str) -> str | None:
    value: str | None = optional_value(data, key, str)
    if not value:
        return None
    if not _ID.fullmatch(value):
        raise field_error(key, "value_error", "The value is not a valid id")
    return value
