"""Converts parameters to the options of Ollama, and to the keys that Ollama has beside them."""

import codecs
import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from portico.api import InvalidRequest
from portico.api.json import decode_anything

#: Keys that Ollama has in the body itself. A parameter of that name is no option.
ROOT_KEYS = frozenset({"format", "keep_alive", "think"})
#: Values of OpenAI's `reasoning_effort` whose name in Ollama is another one.
_THINK_OF_EFFORT: Mapping[str, Any] = {"none": False, "minimal": "low", "xhigh": "high"}


def apply_params(body: dict[str, Any], params: Mapping[str, Any]) -> None:
    """Set the parameters of a model and a chat in a body of Ollama; they override what is there.

    Raises: InvalidRequest for a value of a wrong type.
    """
    options: dict[str, Any] = body.setdefault("options", {})
    for key, value in params.items():
        if value is None:
            continue
        if key in ROOT_KEYS:
            body[key] = bool(value) if key == "think" and value in (0, 1) else _parsed(value)
        elif key == "reasoning_effort":
            body["think"] = think_of(str(value))
        elif key == "response_format":
            set_format(body, value)
        else:
            name = RENAMED.get(key, key)
            options[name] = cast(name, value)


def think_of(effort: str) -> Any:
    """Return Ollama's `think` for OpenAI's `reasoning_effort`."""
    return _THINK_OF_EFFORT.get(effort, effort)


def set_format(body: dict[str, Any], response_format: Any) -> None:
    """Set Ollama's `format` from OpenAI's `response_format`; a format that says nothing changes nothing."""
    if not isinstance(response_format, Mapping):
        return
    kind = response_format.get("type")
    if kind == "json_object":
        body["format"] = "json"
    elif kind == "json_schema":
        schema = response_format.get("json_schema")
        if isinstance(schema, Mapping) and isinstance(schema.get("schema"), Mapping):
            body["format"] = schema["schema"]


def cast(name: str, value: Any) -> Any:
    """Return the value of an option in the type that Ollama takes. Raises: InvalidRequest."""
    convert = _CASTS.get(name)
    if convert is None:
        return value
    try:
        return convert(value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest(
            f"The parameter {name!r} cannot be of type {type(value).__name__}."
        ) from None


def _parsed(value: Any) -> Any:
    """Return a text that is JSON as its value: forms can only send texts."""
    if not isinstance(value, str):
        return value
    try:
        return decode_anything(value)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return value


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _flag(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ("1", "true", "yes", "on")
    return bool(value)


def _stops(value: Any) -> Any:
    """Return stop sequences with escapes decoded: forms send a newline as a backslash and an n."""
    if isinstance(value, str):
        value = [value]
    return [_unescaped(item) if isinstance(item, str) else item for item in value]


def _unescaped(text: str) -> str:
    try:
        return codecs.decode(text.encode("latin-1", "backslashreplace"), "unicode_escape")
    except UnicodeDecodeError:
        return text  # a single backslash at the end stands for itself


#: Names of parameters, by the name that Ollama has for them.
RENAMED: Mapping[str, str] = {
    "max_tokens": "num_predict",
    "max_completion_tokens": "num_predict",
}

_INTEGERS = (
    "mirostat", "num_ctx", "num_batch", "num_keep", "num_predict", "repeat_last_n", "seed", "top_k", "num_gpu", "num_thread",
)  # fmt: skip
_NUMBERS = (
    "temperature", "top_p", "mirostat_eta", "mirostat_tau", "min_p", "repeat_penalty", "presence_penalty",
    "frequency_penalty", "typical_p",
)  # fmt: skip
_FLAGS = ("use_mmap", "use_mlock")
_CASTS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_INTEGERS, int),
    **dict.fromkeys(_NUMBERS, _number),
    **dict.fromkeys(_FLAGS, _flag),
    "stop": _stops,
}
#: Keys of an OpenAI request that are options of Ollama.
OPTION_KEYS = frozenset({*_CASTS, *RENAMED, "main_gpu", "numa", "penalize_newline"})
