"""Converts a value from TOML to the type of its setting. Text of variables is first read by `env_values`."""

import math
from typing import Any

import msgspec
from msgspec import inspect

from portico.settings.fields import Field, bare, is_optional
from portico.settings.section import Secret
from portico.settings.text_forms import TextFault, cleaned


class InvalidValue(ValueError):
    """The value is invalid. The text adds what the expected type alone does not say; it may be empty."""


class NotJSON(InvalidValue):
    """The text should be JSON and is not, so it is not known which part of it is secret."""


def convert(raw: Any, field: Field) -> Any:
    """Convert a value to the field's type and check its bounds.

    Where None is allowed, the empty text is None: TOML has no other notation for it.
    Raises: InvalidValue.
    """
    if not _is_finite(raw):
        raise InvalidValue("it is not finite")
    try:
        raw = cleaned(raw, field.form)
    except TextFault as fault:
        raise InvalidValue(str(fault)) from None
    try:
        raw = None if raw == "" and is_optional(field.shape) else _fold(raw, field.shape)
        return msgspec.convert(raw, field.annotation, dec_hook=_decode_secret)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        where = f"at {place.rstrip('`').removeprefix('.')}" if place else ""
        # Only for a value inside of another does the reason say more than the expected type. It may quote the value.
        says_more = bool(place) or isinstance(field.shape, inspect.StructType)
        why = f"{reason[:1].lower()}{reason[1:]}" if says_more and not field.is_secret else ""
        raise InvalidValue(": ".join(filter(None, (where, why)))) from None


def _is_finite(raw: Any) -> bool:
    match raw:
        case float():
            return math.isfinite(raw)
        case list():
            return all(map(_is_finite, raw))
        case dict():
            return all(map(_is_finite, raw.values()))
        case _:
            return True


def _fold(raw: Any, shape: inspect.Type) -> Any:
    """Return the value with words of a fixed choice in the spelling of the schema."""
    match bare(shape):
        case inspect.LiteralType(values=values) if isinstance(raw, str) and raw not in values:
            words = {item.casefold(): item for item in values if isinstance(item, str)}
            return words.get(raw.casefold(), raw)
        case inspect.UnionType(types=types):
            for choice in types:
                raw = _fold(raw, choice)
            return raw
        case inspect.CollectionType(item_type=item) if isinstance(raw, list):
            return [_fold(part, item) for part in raw]
        case _:
            return raw


def _decode_secret(kind: type, raw: Any) -> Any:
    if kind is not Secret:
        raise NotImplementedError(f"a setting cannot be of the type {kind.__name__}")
    if not isinstance(raw, str):
        raise TypeError("expected text")
    return Secret(raw)
