"""Converts requests of Ollama's clients to calls of models.

The messages of Ollama pass as they are: its sources know their keys. All that is not named here passes, too.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from portico.api.json import RawFields, field_error, optional_value
from portico.api.models import is_own_key
from portico.api.prompts import is_system_role

#: Keys that are read here.
_READ_KEYS = frozenset({"model", "messages", "stream", "prompt", "system", "images"})
_FALSE = msgspec.Raw(b"false")


class NativeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request of a client. `body`: further keys, raw; `messages`: values may be raw."""

    model: str
    stream: bool
    messages: list[dict[str, Any]]
    body: Mapping[str, Any]


def read_chat(data: RawFields, *, stream: bool = True) -> NativeRequest:
    """Return a chat, of Ollama's API or OpenAI's. `stream`: what a request without the key means.

    Raises: ValidationError, naming the key.
    """
    return NativeRequest(
        model=model_name(data),
        stream=_optional(data, "stream", bool, stream),
        messages=_optional(data, "messages", list[dict[str, msgspec.Raw]], []),
        body=_further(data),
    )


def read_generate(data: RawFields) -> NativeRequest:
    """Return a completion of a prompt, as a chat of one message. Raises: ValidationError, naming the key."""
    messages: list[dict[str, Any]] = []
    if system := _optional(data, "system", str, ""):
        messages.append({"role": "system", "content": system})
    prompt = _optional(data, "prompt", str, "")
    if prompt or messages:
        message: dict[str, Any] = {"role": "user", "content": prompt}
        if images := _optional(data, "images", list[str], []):
            message["images"] = images
        messages.append(message)
    return NativeRequest(
        model=model_name(data),
        stream=_optional(data, "stream", bool, True),
        messages=messages,
        # With this key the server is asked to complete the prompt itself.
        body={"raw": _FALSE, **_further(data)},
    )


def read_completion(data: RawFields) -> NativeRequest:
    """Return a completion of OpenAI's former API, as `read_generate`. Raises: ValidationError, naming the key."""
    prompt = _optional(data, "prompt", str | list[str], "")
    if isinstance(prompt, list):
        if len(prompt) != 1:
            raise field_error("prompt", "value_error", "Expected one prompt")
        [prompt] = prompt
    further = {
        key: raw
        for key, raw in _further(data).items()
        if key not in ("logprobs", "echo", "best_of")
    }
    return NativeRequest(
        model=model_name(data),
        stream=_optional(data, "stream", bool, False),
        messages=[{"role": "user", "content": prompt}],
        body={"raw": _FALSE, **further},
    )


def model_name(data: RawFields) -> str:
    """Return the name of the model: `model`, or `name` as older clients have it. Raises: ValidationError."""
    name = _optional(data, "model", str, "") or _optional(data, "name", str, "")
    if not isinstance(name, str) or not name:
        raise field_error("model", "missing", "Field required")
    return name


def without_system_prompt(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages without those that give the model instructions of the system."""
    return [message for message in messages if not is_system_role(_role(message))]


def has_system_prompt(messages: list[dict[str, Any]]) -> bool:
    """Return whether one of the messages gives the model instructions of the system."""
    return len(without_system_prompt(messages)) != len(messages)


def _role(message: Mapping[str, Any]) -> object:
    role = message.get("role")
    return msgspec.json.decode(role) if isinstance(role, msgspec.Raw) else role


def _further(data: RawFields) -> dict[str, Any]:
    return {
        key: raw
        for key, raw in data.items()
        if key not in _READ_KEYS and not is_own_key(key) and bytes(raw) != b"null"
    }


def _optional(data: RawFields, key: str, kind: Any, default: Any) -> Any:
    """Return the value of a key; the default without one. Raises: ValidationError if it has another type."""
    value = optional_value(data, key, kind)
    return default if value is None else value
