"""The parameters a model is run with. Keys nobody knows are kept as they came; known ones must make sense.

A value of null means "not set", as everywhere in this API.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from portico.api import InvalidRequest

#: Bytes of UTF-8.
LONGEST_TEXT = 128 * 1024
MOST_STOPS = 16
INT64 = 2**63
#: How clients write that there is no limit: -1, and -2 = as long as there is room.
UNLIMITED: Final = (-1, -2)
#: Whole numbers among the known keys.
INTEGERS: Final = ("top_k", "max_tokens", "num_ctx", "num_predict", "seed")

Check = Callable[[Any], bool]


def _number(low: float, high: float) -> tuple[Check, str]:
    def check(value: Any) -> bool:
        return (
            isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        )

    return check, f"a number from {low} to {high}"


def _whole(low: int, *, also: tuple[int, ...] = ()) -> tuple[Check, str]:
    def check(value: Any) -> bool:
        return type(value) is int and (low <= value < INT64 or value in also)

    others = "".join(f", or {value}" for value in also)
    return check, f"a whole number, at least {low}{others}"


def _text(longest: int) -> tuple[Check, str]:
    def check(value: Any) -> bool:
        return isinstance(value, str) and len(value.encode()) <= longest

    return check, f"a text of at most {longest} bytes"


def _stops(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MOST_STOPS
        and all(isinstance(one, str) for one in value)
    )


KNOWN: Final[Mapping[str, tuple[Check, str]]] = {
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "min_p": _number(0, 1),
    "frequency_penalty": _number(-2, 2),
    "presence_penalty": _number(-2, 2),
    "repeat_penalty": _number(-2, 2),
    "top_k": _whole(0),
    "max_tokens": _whole(1, also=UNLIMITED),
    "num_ctx": _whole(1, also=UNLIMITED),
    "num_predict": _whole(1, also=UNLIMITED),
    "seed": (
        lambda value: type(value) is int and -INT64 <= value < INT64,
        "a whole number of 64 bits",
    ),
    "stop": (_stops, f"a list of at most {MOST_STOPS} texts"),
    "system": _text(LONGEST_TEXT),
    "template": _text(LONGEST_TEXT),
    "reason": _text(LONGEST_TEXT),
    "reasoning_effort": _text(LONGEST_TEXT),
    "custom_params": (lambda value: isinstance(value, dict), "an object"),
}


def whole_floats(params: Mapping[str, Any]) -> dict[str, int]:
    """The known whole numbers that are written as a float, such as `40.0`, as what they are."""
    return {
        key: int(value)
        for key in INTEGERS
        if isinstance(value := params.get(key), float) and value.is_integer()
    }


def check_params(params: Mapping[str, Any]) -> None:
    """Raises: Invalid, naming the first known key whose value makes no sense."""
    for key, (fits, expected) in KNOWN.items():
        value = params.get(key)
        if value is not None and not fits(value):
            raise InvalidRequest(f"[ERROR: params.{key} must be {expected}]")
