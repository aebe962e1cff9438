"""Validation of the parameters of a model. Unknown keys are stored unchanged; known ones must have a valid value.

A value of null means "not set", as everywhere in this API.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from portico.api import InvalidRequest
from portico.api.db import MAX_INT64

#: Bytes of UTF-8.
MAX_TEXT_BYTES = 128 * 1024
MAX_STOPS = 16
#: How clients write that there is no limit: -1, and -2 = up to the end of the context.
UNLIMITED: Final = (-1, -2)
#: Known keys with integer values.
INTEGER_KEYS: Final = ("top_k", "max_tokens", "num_ctx", "num_predict", "seed")

Check = Callable[[Any], bool]


def _number(low: float, high: float) -> tuple[Check, str]:
    def check(value: Any) -> bool:
        return (
            isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        )

    return check, f"a number from {low} to {high}"


def _integer(low: int, *, also: tuple[int, ...] = ()) -> tuple[Check, str]:
    def check(value: Any) -> bool:
        return type(value) is int and (low <= value <= MAX_INT64 or value in also)

    others = "".join(f", or {value}" for value in also)
    return check, f"an integer, at least {low}{others}"


def _text(max_bytes: int) -> tuple[Check, str]:
    def check(value: Any) -> bool:
        return isinstance(value, str) and len(value.encode()) <= max_bytes

    return check, f"a text of at most {max_bytes} bytes"


def _stops(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_STOPS
        and all(isinstance(one, str) for one in value)
    )


KNOWN_PARAMS: Final[Mapping[str, tuple[Check, str]]] = {
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "min_p": _number(0, 1),
    "frequency_penalty": _number(-2, 2),
    "presence_penalty": _number(-2, 2),
    "repeat_penalty": _number(-2, 2),
    "top_k": _integer(0),
    "max_tokens": _integer(1, also=UNLIMITED),
    "num_ctx": _integer(1, also=UNLIMITED),
    "num_predict": _integer(1, also=UNLIMITED),
    "seed": (
        lambda value: type(value) is int and -MAX_INT64 - 1 <= value <= MAX_INT64,
        "a 64-bit integer",
    ),
    "stop": (_stops, f"a list of at most {MAX_STOPS} texts"),
    "system": _text(MAX_TEXT_BYTES),
    "template": _text(MAX_TEXT_BYTES),
    "reason": _text(MAX_TEXT_BYTES),
    "reasoning_effort": _text(MAX_TEXT_BYTES),
    "custom_params": (lambda value: isinstance(value, dict), "an object"),
}


def integers_from_floats(params: Mapping[str, Any]) -> dict[str, int]:
    """Return the known integer keys that are written as a float, such as `40.0`, as integers."""
    return {
        key: int(value)
        for key in INTEGER_KEYS
        if isinstance(value := params.get(key), float) and value.is_integer()
    }


def check_params(params: Mapping[str, Any]) -> None:
    """Raises: InvalidRequest that names the first known key with an invalid value."""
    for key, (is_valid, expected) in KNOWN_PARAMS.items():
        value = params.get(key)
        if value is not None and not is_valid(value):
            raise InvalidRequest(f"[ERROR: params.{key} must be {expected}]")
