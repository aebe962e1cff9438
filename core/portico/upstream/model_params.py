"""Converts parameters of models to the types that providers take: forms send numbers and lists as texts."""

import codecs
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from portico.errors import InvalidRequest

#: What converts the value of a parameter, by its name. It raises TypeError, ValueError or OverflowError.
ParamCasts: TypeAlias = Mapping[str, Callable[[Any], Any]]


def cast_param(name: str, value: Any, casts: ParamCasts) -> Any:
    """Return the value in the type that a provider takes; as it is if there is no cast. Raises: InvalidRequest."""
    cast = casts.get(name)
    if cast is None:
        return value
    try:
        return cast(value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest(
            f"The parameter {name!r} cannot be of type {type(value).__name__}."
        ) from None


def finite_number(value: Any) -> float:
    """Return a number or a text as a number. Raises: TypeError, ValueError, OverflowError; infinite ones too."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def stop_sequences(value: Any) -> list[Any]:
    """Return one or more stop sequences with escapes decoded: forms send a newline as a backslash and an n.

    Raises: TypeError.
    """
    if isinstance(value, str):
        value = [value]
    return [_unescaped(item) if isinstance(item, str) else item for item in value]


def _unescaped(text: str) -> str:
    try:
        return codecs.decode(text.encode("latin-1", "backslashreplace"), "unicode_escape")
    except UnicodeDecodeError:
        return text  # a single backslash at the end stands for itself
