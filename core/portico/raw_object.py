"""JSON objects whose top-level values stay raw: keys are replaced without decoding the values.

Values are kept byte for byte, and cost one copy instead of a decoding.
"""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

#: The top-level keys of a JSON object; values stay JSON text.
RawFields: TypeAlias = dict[str, msgspec.Raw]

_OBJECT = msgspec.json.Decoder(RawFields)


def split(text: str | bytes | msgspec.Raw) -> RawFields:
    """Return the top-level keys. Raises: msgspec.ValidationError for another value, DecodeError for invalid JSON."""
    return _OBJECT.decode(text)


def split_stored(text: str | None) -> RawFields:
    """Return the top-level keys of a stored text; none if there is no text, or it is not a JSON object."""
    try:
        return _OBJECT.decode(text or "{}")
    except msgspec.MsgspecError:
        return {}


def join(fields: Mapping[str, msgspec.Raw]) -> bytes:
    """Return the JSON text of an object with these keys."""
    return msgspec.json.encode(fields)


def merge(*layers: str | bytes | msgspec.Raw) -> bytes:
    """Return the JSON text of an object with the keys of all layers; the last one wins. Raises: as `split`."""
    fields: RawFields = {}
    for layer in layers:
        fields |= _OBJECT.decode(layer)
    return msgspec.json.encode(fields)
