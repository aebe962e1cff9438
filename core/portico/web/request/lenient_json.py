"""Lenient JSON decoding: scalars in other notations, as scripts and databases write them, are converted.

`1700000000.0`, `"40"` and `"1.5"` are numbers, `0`, `1`, `"true"` and `"false"` are flags, where a field is typed `int`,
`float` or `bool`. Everything else is as strict as msgspec: an open object (`dict[str, Any]`, `msgspec.Raw`) is never
changed, so fields that grant rights are typed as one and checked by their own rules. msgspec's `strict=False` is not
used: it reads the text "null" as null, which would remove a limit.

Source: pydantic's lax mode; in addition, times with fractions of a second.
"""

import math
import re
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import inspect

T = TypeVar("T")

_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_SCALAR: Final = msgspec.json.Decoder(str | int | float)
#: Integers and decimals; the limited length keeps `int` and `float` cheap.
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{0,40})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_FLAGS: Final = {"0": b"false", "1": b"true", "false": b"false", "true": b"true"}
#: Whole numbers that a float holds exactly.
_EXACT: Final = 2.0**53
#: Names of fields with epoch seconds; a fraction of a second is cut off.
_TIME_FIELDS: Final = re.compile(r"(?:\w+_)?(?:at|since|until|timestamp)", re.ASCII)


def finite(text: str) -> float:
    """Return an untyped number that is not an integer. Raises: ValueError beyond what a float can hold.

    msgspec's own conversion takes 25 microseconds for numbers such as 1e308, and a body may have 100,000 of them.
    """
    number = float(text)
    if math.isinf(number):
        raise ValueError("Number out of range")
    return number


_ANYTHING: Final = msgspec.json.Decoder(float_hook=finite)


def decode_anything(text: bytes | str | msgspec.Raw) -> Any:
    """Decode JSON of any shape, in time linear in its bytes. Raises: msgspec.DecodeError."""
    return _ANYTHING.decode(text)


class LenientDecoder(Generic[T]):
    """Decodes JSON into `kind`. A body that needs no conversion costs what msgspec's own decoder costs."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind, float_hook=finite)

    def decode(self, text: bytes | bytearray | memoryview | str | msgspec.Raw) -> T:
        """Decode a text. Raises: msgspec.ValidationError, about the text as it was sent; msgspec.DecodeError."""
        try:
            return self._decoder.decode(text)
        except msgspec.ValidationError:
            relaxed = _relaxed(msgspec.Raw(text), inspect.type_info(self._kind), "")
            try:
                return self._decoder.decode(relaxed)
            except msgspec.DecodeError:
                pass
            raise


@lru_cache(maxsize=512)
def lenient_decoder(kind: Any) -> LenientDecoder[Any]:
    """Return the decoder of a type, created once."""
    return LenientDecoder(kind)


def _relaxed(raw: msgspec.Raw, kind: inspect.Type, name: str) -> msgspec.Raw:
    """Return the same JSON with scalars converted to the type. `name`: the field whose value it is."""
    first = bytes(memoryview(raw)[:1])
    match kind:
        case inspect.Metadata():
            return _relaxed(raw, kind.type, name)
        case inspect.UnionType():
            return _relaxed_union(raw, kind, name)
        case inspect.StructType() if first == b"{" and not kind.array_like:
            fields = {field.encode_name: field.type for field in kind.fields}
            parts = {
                key: _relaxed(value, fields[key], key) if key in fields else value
                for key, value in _OBJECT.decode(raw).items()
            }
            return msgspec.Raw(msgspec.json.encode(parts))
        case inspect.ListType() if first == b"[":
            parts_of_list = [_relaxed(one, kind.item_type, name) for one in _LIST.decode(raw)]
            return msgspec.Raw(msgspec.json.encode(parts_of_list))
        case inspect.IntType() | inspect.FloatType() | inspect.BoolType():
            return msgspec.Raw(_scalar(raw, kind, name) or bytes(raw))
    return raw


def _relaxed_union(raw: msgspec.Raw, union: inspect.UnionType, name: str) -> msgspec.Raw:
    """Convert to the first type of a union for which that changes the JSON. A text is kept if the union allows text."""
    first = bytes(memoryview(raw)[:1])
    if first == b'"' and any(isinstance(kind, inspect.StrType) for kind in union.types):
        return raw
    for kind in union.types:
        if (relaxed := _relaxed(raw, kind, name)) is not raw and bytes(relaxed) != bytes(raw):
            return relaxed
    return raw


def _scalar(
    raw: msgspec.Raw, kind: inspect.IntType | inspect.FloatType | inspect.BoolType, name: str
) -> bytes | None:
    """Return the JSON of a number or a boolean; None if the value is neither."""
    try:
        value = _SCALAR.decode(raw)
    except msgspec.DecodeError:
        return None
    if isinstance(kind, inspect.BoolType):
        if not isinstance(value, str):
            return _FLAGS[str(int(value))] if value in (0, 1) else None
        return _FLAGS.get(value.strip().lower())
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            return None
        value = int(text) if text.lstrip("+-").isdigit() else float(text)
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        if isinstance(kind, inspect.IntType):
            is_whole = value.is_integer() or _TIME_FIELDS.fullmatch(name)
            if not is_whole or abs(value) > _EXACT:
                return None
            value = math.floor(value)
    return msgspec.json.encode(value)


def parse_seconds(text: str) -> int | None:
    """Return the epoch seconds in a text, without a fraction; None if it is not a number."""
    found = _scalar(msgspec.Raw(msgspec.json.encode(text)), inspect.IntType(), "at")
    return None if found is None else int(found)
