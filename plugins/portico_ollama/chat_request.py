"""Converts a source request to the body that an Ollama server is sent."""

from collections.abc import Mapping
from typing import Any

import msgspec

from portico.api import InvalidRequest
from portico.api.models import SourceRequest
from portico_ollama.messages import to_ollama
from portico_ollama.options import (
    OPTION_KEYS,
    RENAMED,
    ROOT_KEYS,
    apply_params,
    cast,
    set_format,
    think_of,
)

#: Keys of OpenAI that Ollama has no counterpart for, or that were read already.
_DROPPED_KEYS = frozenset(
    {
        "model", "messages", "stream", "stream_options", "options", "response_format", "reasoning_effort", "tool_choice",
        "parallel_tool_calls", "user", "n", "store", "metadata", "logit_bias", "prompt", "system", "images",
    }
)  # fmt: skip
#: Keys that only a completion without messages has. With one of them, the last message is its prompt.
GENERATE_KEYS = frozenset({"context", "raw", "suffix", "template"})

CHAT_PATH = "/api/chat"
GENERATE_PATH = "/api/generate"


def encode(request: SourceRequest, model: str) -> tuple[str, bytes]:
    """Return the path and the body of the request to the server. `model`: the server's own name.

    Values that are not converted stay byte for byte. Raises: InvalidRequest for a value of a wrong type.
    """
    given = {key: raw for key, raw in request.body.items() if not _is_null(raw)}
    body: dict[str, Any] = {"model": model, "stream": request.stream}
    body |= {
        key: raw
        for key, raw in given.items()
        if key not in _DROPPED_KEYS and key not in OPTION_KEYS and is_unambiguous(key)
    }
    body["options"] = _options(given)
    for key in (
        ROOT_KEYS & body["options"].keys()
    ):  # source: some clients send them among the options
        body.setdefault(key, body["options"].pop(key))
    if "reasoning_effort" in given and "think" not in body:
        body["think"] = think_of(str(_decoded(given["reasoning_effort"], "reasoning_effort")))
    if "response_format" in given:
        set_format(body, _decoded(given["response_format"], "response_format"))
    if _decoded(given.get("tool_choice", msgspec.Raw(b"null")), "tool_choice") == "none":
        body.pop("tools", None)
    apply_params(body, request.params)
    if not body["options"]:
        del body["options"]
    messages = to_ollama(given.get("messages", msgspec.Raw(b"[]")))
    if GENERATE_KEYS & body.keys():
        return GENERATE_PATH, msgspec.json.encode(body | _prompt(messages))
    return CHAT_PATH, msgspec.json.encode(body | {"messages": messages})


def is_unambiguous(key: str) -> bool:
    """Return whether a key means to Ollama what it means here: its server reads `Model` as `model`."""
    return key.isascii() and key == key.lower()


def _options(given: Mapping[str, msgspec.Raw]) -> dict[str, Any]:
    """Return the options of the request: Ollama's own, and OpenAI's keys that are options of Ollama."""
    options = _decoded(given.get("options", msgspec.Raw(b"{}")), "options")
    if not isinstance(options, dict):
        raise InvalidRequest("The parameter 'options' must be an object.")
    for key, raw in given.items():
        if key in OPTION_KEYS:
            name = RENAMED.get(key, key)
            # Texts of a request are what they are; only those of forms have escapes.
            value = _decoded(raw, key)
            options[name] = value if name == "stop" and isinstance(value, list) else (
                [value] if name == "stop" else cast(name, value)
            )  # fmt: skip
    return options


def _prompt(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the keys of a completion without messages: the last message's, and the system prompt."""
    last = messages[-1] if messages else {}
    result = {"prompt": last.get("content", "")}
    if last.get("images"):
        result["images"] = last["images"]
    system = [message["content"] for message in messages[:-1] if message["role"] == "system"]
    if system:
        result["system"] = system[0]
    return result


def _decoded(raw: msgspec.Raw, key: str) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest(f"The parameter {key!r} cannot be read.") from None


def _is_null(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:4]) == b"null"
