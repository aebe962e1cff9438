"""Validation of `data` and `meta` of a folder: open JSON objects with a few known keys, stored as bytes.

They are decoded completely once, so that every client can parse what is stored; the bytes of each key are stored
unchanged.
"""

from typing import Any, Final, Literal, TypeAlias

import msgspec

from portico.api import InvalidRequest, TooLarge, ValidationError
from portico.api.interfaces import FolderContext
from portico.api.json import RawFields, decode_anything, field_error, raw_object, to_field_error

#: Bytes of one of them as JSON; clients put pictures into it.
MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
#: Bytes of a form with both documents of a folder; text may be longer in the request than where it is stored.
MAX_FORM_BYTES: Final = 4 * MAX_DOCUMENT_BYTES
#: Characters. The list contains it for every folder.
MAX_ICON_CHARS: Final = 256

Field: TypeAlias = Literal["data", "meta"]


class _Data(msgspec.Struct):
    """The known keys of `data`, read by clients and by plugins that answer in a folder. Source: the API's clients."""

    system_prompt: str | None = None
    files: list[dict[str, Any]] | None = None
    model_ids: list[str] | None = None


class _File(msgspec.Struct):
    """One of `data.files`."""

    id: Any = None
    type: Any = "file"


class _Meta(msgspec.Struct):
    """The known keys of `meta`."""

    icon: str | None = None


_KNOWN: Final[dict[Field, Any]] = {"data": _Data, "meta": _Meta}


def read(raw: msgspec.Raw, field: Field, stored: str | None = None) -> RawFields | None:
    """Return the parts of what a client sent; None for null and for a missing value.

    A known key that equals the `stored` one is not checked again. Raises: ValidationError if it, or a known key,
    has another shape; InvalidRequest for an invalid icon.
    """
    if bytes(raw) in (b"", b"null"):
        return None
    try:
        value = decode_anything(raw)
        parts = raw_object.split(raw) if isinstance(value, dict) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise field_error(field, "json_invalid", "The value is not valid JSON") from None
    if parts is None:
        raise field_error(field, "dict_type", "Expected `object | null`")
    was = raw_object.split_stored(stored)
    value = {key: one for key, one in value.items() if parts[key] != was.get(key)}
    try:
        known = msgspec.convert(value, _KNOWN[field])
    except msgspec.ValidationError as error:
        # msgspec names what it expected and where, never what it got.
        found = to_field_error(str(error), "body")
        found["loc"].insert(1, field)
        raise ValidationError([found]) from None
    if isinstance(known, _Meta) and known.icon and len(known.icon) > MAX_ICON_CHARS:
        raise InvalidRequest(f"[ERROR: meta.icon has at most {MAX_ICON_CHARS} characters]")
    return parts


def merged(stored: str | None, changes: RawFields | None, field: Field) -> str | None:
    """Return the stored object with some keys replaced; the same if there are none.

    Raises: TooLarge if the result is over 4 MiB, and larger than before.
    """
    if changes is None or not (changes or stored is None):
        return stored
    text = raw_object.join(raw_object.split_stored(stored) | changes)
    if len(text) > max(MAX_DOCUMENT_BYTES, len((stored or "").encode())):
        raise TooLarge(f"[ERROR: {field}: at most {MAX_DOCUMENT_BYTES} bytes]")
    return text.decode()


def context_of(data: str | None) -> FolderContext:
    """Return what models get of the `data` of a folder. A part of another shape, from before it was checked, counts as none."""
    parts = raw_object.split_stored(data)
    files = _part(parts, "files", list[_File]) or ()
    ids = dict.fromkeys(one.id for one in files if one.type == "file" and isinstance(one.id, str))
    return FolderContext(_part(parts, "system_prompt", str) or "", tuple(ids))


def _part(parts: RawFields, key: str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(parts.get(key, b"null"), type=kind | None)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def icon_of(meta: str | None) -> str | None:
    """Return the JSON of the part of `meta` that the list shows; None if there is no `meta`."""
    if meta is None:
        return None
    icon = raw_object.split_stored(meta).get("icon", msgspec.Raw(b"null"))
    return msgspec.json.encode({"icon": icon}).decode()
