"""Reads the text of an environment variable as the value it would be in TOML.

- `true/false`, `1/0`, `yes/no`, `on/off` and the words of a fixed choice: in any case.
- A list: its items, separated by the field's separator; blanks around them are dropped. Empty
  items are dropped too, except between semicolons, where lists are paired by position
  (`OPENAI_API_KEYS`). A JSON array is accepted as well, for items that contain the separator.
- Tables and other types without a simple notation: JSON.
- The empty text, or nothing but blanks: the variable counts as unset and the next name is read, since compose files write
  `PORT=${PORT:-}`. Only a setting that declares it (`setting(…, empty=True)`) reads it as a value of its own.
"""

import re
from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec
from msgspec import inspect

from portico.settings.conversion import InvalidValue, NotJSON
from portico.settings.fields import Field, bare

PAIRED_SEPARATOR = ";"
TRUE_WORDS, FALSE_WORDS = ("true", "1", "yes", "on"), ("false", "0", "no", "off")

_Text: TypeAlias = (
    inspect.StrType
    | inspect.CustomType
    | inspect.EnumType
    | inspect.BytesType
    | inspect.DateTimeType
    | inspect.DateType
    | inspect.TimeType
    | inspect.TimeDeltaType
    | inspect.UUIDType
    | inspect.DecimalType
)
_Item: TypeAlias = (
    _Text | inspect.BoolType | inspect.IntType | inspect.FloatType | inspect.LiteralType
)


def is_set(text: str | None, field: Field) -> bool:
    """Return whether a variable with this text (None = no such variable) sets the field."""
    return text is not None and (bool(text.strip()) or field.empty)


def read_text(text: str, field: Field) -> Any:
    """Return the value that the text of a variable would be in TOML. Raises: InvalidValue."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidValue("it is not valid UTF-8") from None
    return _read(text, field.shape, field.separator)


# One return per case is easier to read than what the linter rule asks for.
def _read(text: str, shape: inspect.Type, separator: str) -> Any:  # noqa: PLR0911
    match bare(shape):
        case inspect.BoolType():
            return _read_bool(text.strip().lower())
        case inspect.IntType():
            return _read_number(text.strip(), r"[+-]?[0-9]{1,1000}", int)
        case inspect.FloatType():
            return _read_number(text.strip(), r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?", float)
        case inspect.LiteralType(values=values):
            word = text.strip().casefold()
            return next((item for item in values if str(item).casefold() == word), text)
        case inspect.CollectionType() if not text.strip():
            return []
        case inspect.CollectionType(item_type=item) if isinstance(bare(item), _Item):
            return _read_list(text, item, separator)
        case inspect.UnionType(types=types):
            return _read_union(text, types, separator)
        case shape if isinstance(shape, _Text):
            return text
        case _:
            return _read_json(text)


def _read_bool(word: str) -> bool:
    if word not in TRUE_WORDS + FALSE_WORDS:
        raise InvalidValue
    return word in TRUE_WORDS


def _read_number(text: str, pattern: str, kind: type[int] | type[float]) -> int | float:
    # Python alone would also take 1_000, "infinity" and the digits of every script.
    if not re.fullmatch(pattern, text):
        raise InvalidValue
    try:
        return kind(text)
    except ValueError:
        raise InvalidValue from None


def _read_list(text: str, item: inspect.Type, separator: str) -> list[Any]:
    if text.lstrip().startswith("["):
        # For items that contain the separator or begin with a blank.
        try:
            items = msgspec.json.decode(text, type=list[Any])
        except (msgspec.MsgspecError, RecursionError):
            pass
        else:
            return items
    parts = [part.strip() for part in text.split(separator)]
    if separator != PAIRED_SEPARATOR:
        parts = [part for part in parts if part]
    return [_read(part, item, separator) for part in parts]


def _read_union(text: str, types: Iterable[inspect.Type], separator: str) -> Any:
    shapes = [bare(shape) for shape in types if not isinstance(bare(shape), inspect.NoneType)]
    if not text:
        return ""
    if len(shapes) == 1:
        return _read(text, shapes[0], separator)
    try:
        return _read_json(text)
    except InvalidValue:
        return text


def _read_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        raise NotJSON("it is not JSON") from None
