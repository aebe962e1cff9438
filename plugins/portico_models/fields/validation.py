"""Validation of `name`, `params` and `meta` of models: checked completely, stored byte for byte.

Both documents are decoded once, so that every reader can decode what is stored.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api import InvalidRequest
from portico.api.json import decode_anything, field_error, raw_object
from portico.api.text import label_key
from portico_models.fields.params import check_params, integers_from_floats
from portico_models.fields.pictures import (
    DEFAULT_PICTURE,
    check_picture,
    unsupported_picture_reason,
)

#: Keys that clients expect in every `meta`. Source: the API's clients.
META_DEFAULTS: Final[Mapping[str, bytes]] = {
    "profile_image_url": msgspec.json.encode(DEFAULT_PICTURE),
    "description": b"null",
    "capabilities": b"null",
}


class _Tag(msgspec.Struct):
    name: str


#: Keys of `meta` that clients read, and their types; null = not set. All others are stored unchanged.
KNOWN_META: Final[Mapping[str, Any]] = {
    "profile_image_url": str,
    "description": str,
    "capabilities": dict[str, bool],
    "tags": list[_Tag],
    "hidden": bool,
    "suggestion_prompts": list[dict[str, Any]],
    "knowledge": list[dict[str, Any]],
    "toolIds": list[str],
    "actionIds": list[str],
    "filterIds": list[str],
    "defaultFilterIds": list[str],
    "defaultFeatureIds": list[str],
}
#: Bytes of one model or template in an import: a picture that is over its limit is replaced, whatever its size.
MAX_IMPORTED_MODEL_BYTES: Final = 16 * 1024 * 1024
#: Bytes of a form for one model or template, whose parameters and meta are decoded.
MAX_MODEL_BYTES = 4 * 1024 * 1024
#: JSON values in one model or template of an import; a form has as many, unless `server.max_values` says otherwise.
MAX_MODEL_VALUES: Final = 100_000
MAX_TAGS = 100
#: Characters.
MAX_TAG_CHARS = 128
MAX_NAME_CHARS = 512
#: Characters of a tag that an index can contain: an earlier release accepted longer ones.
_MAX_INDEXED_TAG_CHARS: Final = 512


def read_name(name: str, stored: str | None = None) -> str:
    """Return the name to store. A name equal to `stored` is not checked again. Raises: InvalidRequest if it is too long."""
    if name == stored:
        return name
    if len(name) > MAX_NAME_CHARS:
        raise InvalidRequest(f"[ERROR: name must have at most {MAX_NAME_CHARS} characters]")
    return name.replace("\x00", "")


def read_params(raw: msgspec.Raw, stored: str | None = None) -> str:
    """Return the JSON text to store: unchanged, except that `40.0` becomes `40` where an integer is expected.

    Keys with the same value as in `stored` are not checked again. Raises: ValidationError if it is not an object,
    InvalidRequest for a value out of range.
    """
    params = _object(raw, "params")
    integers = integers_from_floats(params)
    check_params(_changed(params | integers, stored))
    return bytes(_replaced(raw, integers)).decode()


def read_meta(
    raw: msgspec.Raw, notes: list[str] | None = None, *, stored: str | None = None
) -> tuple[str, dict[str, str]]:
    """Return the JSON text to store, with the keys that clients expect, and its tags by their keys.

    `notes`, Raises: as `sanitize_meta` and `check_meta`.
    """
    raw = raw if notes is None else sanitize_meta(raw, notes)
    meta = check_meta(raw, stored)
    missing = {key: msgspec.Raw(value) for key, value in META_DEFAULTS.items() if key not in meta}
    text = raw_object.join(missing | raw_object.split(raw)) if missing else bytes(raw)
    return text.decode(), _tags(meta)


def check_meta(raw: msgspec.Raw, stored: str | None = None) -> dict[str, Any]:
    """Return the decoded object. Keys with the same value as in `stored` are not checked again.

    Raises: ValidationError if it, or a known key, has another type; InvalidRequest for a picture that is not allowed.
    """
    document = _object(raw, "meta")
    meta = _changed(document, stored)
    for key, type_ in KNOWN_META.items():
        if meta.get(key) is not None:
            try:
                msgspec.convert(meta[key], type_)
            except msgspec.ValidationError as error:
                # The message of msgspec names the expected type and the place, never the value.
                raise field_error(["meta", key], "type_error", str(error)) from None
    check_picture(meta.get("profile_image_url"))
    if any(len(tag["name"]) > MAX_TAG_CHARS for tag in meta.get("tags") or ()):
        raise InvalidRequest(f"[ERROR: meta.tags: a tag has at most {MAX_TAG_CHARS} characters]")
    return document


def sanitize_meta(raw: msgspec.Raw, notes: list[str]) -> msgspec.Raw:
    """Return `meta` with the default picture in place of one that clients of other servers store and that is not supported.

    Each replacement is appended to `notes`. Raises: ValidationError if it is not an object.
    """
    meta = _object(raw, "meta")
    reason = unsupported_picture_reason(meta.get("profile_image_url"))
    if reason is None:
        return raw
    notes.append(f"meta.profile_image_url: {reason}; replaced by the default picture")
    return _replaced(raw, {"profile_image_url": DEFAULT_PICTURE})


def merge_objects(name: str, *layers: msgspec.Raw) -> msgspec.Raw:
    """Merge objects by their top-level keys; the last one wins. Raises: ValidationError about `name`."""
    try:
        return msgspec.Raw(raw_object.merge(*layers))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise field_error(name, "type_error", "Expected `object`") from None


def tag_key(name: str) -> str:
    """Return the key a tag is compared by: equal for tags that look alike."""
    return label_key(_tag_label(name))


def _tag_label(name: str) -> str:
    return name.replace("\x00", "").strip()


def _tags(meta: Mapping[str, Any]) -> dict[str, str]:
    """Return tags by their keys; of two with the same key the first."""
    tags = meta.get("tags")
    names = (
        [tag.get("name") for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else []
    )
    labels = [_tag_label(name) for name in names if isinstance(name, str)]
    found = {
        tag_key(label): label
        for label in reversed(labels)
        if 0 < len(label) <= _MAX_INDEXED_TAG_CHARS
    }
    return dict(list(found.items())[::-1][:MAX_TAGS])


def _replaced(raw: msgspec.Raw, values: Mapping[str, Any]) -> msgspec.Raw:
    """Return an object with new values for some keys; all others stay byte for byte."""
    if not values:
        return raw
    encoded = {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in values.items()}
    return msgspec.Raw(raw_object.join(raw_object.split(raw) | encoded))


def _changed(document: dict[str, Any], stored: str | None) -> dict[str, Any]:
    """Return the keys whose values differ from the stored JSON text."""
    try:
        previous = msgspec.json.decode(stored or "{}", type=dict[str, Any])
    except msgspec.MsgspecError:
        return document
    encode = msgspec.json.encode  # compared as JSON, because 1 == True
    return {
        key: value
        for key, value in document.items()
        if key not in previous or encode(value) != encode(previous[key])
    }


def _object(raw: msgspec.Raw, name: str) -> dict[str, Any]:
    try:
        value = decode_anything(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise field_error(name, "json_invalid", "It is not valid JSON") from None
    if not isinstance(value, dict):
        raise field_error(name, "type_error", "Expected `object`")
    return value
