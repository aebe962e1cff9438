"""From a value as TOML has it to what the setting holds; text of variables comes through `text`."""

import math
from typing import Any

import msgspec
from msgspec import inspect

from portico.settings.fields import Field, bare, is_optional
from portico.settings.section import Secret


class InvalidValue(ValueError):
    """The value does not fit; the text adds what the expected type alone does not say."""


class NotJSON(InvalidValue):
    """The text was to be a table and is not; so nobody knows which part of it is a secret."""


def convert(raw: Any, field: Field) -> Any:
    """The value as the field's type, within its bounds.

    Where nothing is allowed, the empty text is nothing: TOML has no other word for it.
    Raises: Unfit.
    """
    if not _is_finite(raw):
        raise InvalidValue("it is not finite")
    try:
        raw = None if raw == "" and is_optional(field.shape) else _fold(raw, field.shape)
        return msgspec.convert(raw, field.annotation, dec_hook=_decode_secret)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        where = f"at {place.rstrip('`').removeprefix('.')}" if place else ""
        # The reason is news only about something inside; and it may quote what it stumbled over.
        told = bool(place) or isinstance(field.shape, inspect.StructType)
        why = f"{reason[:1].lower()}{reason[1:]}" if told and not field.is_secret else ""
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
    """The value with words of a fixed choice in the spelling of the schema."""
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
