"""Converts parameters to the options of Ollama, and to the keys that Ollama has beside them."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api.json import decode_anything
from portico.api.sources import ParamCasts, cast_param, finite_number, stop_sequences

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
    return cast_param(name, value, _CASTS)


def _parsed(value: Any) -> Any:
    """Return a text that is JSON as its value: forms can only send texts."""
    if not isinstance(value, str):
        return value
    try:
        return decode_anything(value)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return value


def _flag(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ("1", "true", "yes", "on")
    return bool(value)


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
_CASTS: Final[ParamCasts] = {
    **dict.fromkeys(_INTEGERS, int),
    **dict.fromkeys(_NUMBERS, finite_number),
    **dict.fromkeys(_FLAGS, _flag),
    "stop": stop_sequences,
}
#: Keys of an OpenAI request that are options of Ollama.
OPTION_KEYS = frozenset({*_CASTS, *RENAMED, "main_gpu", "numa", "penalize_newline"})
