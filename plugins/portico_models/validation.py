"""`params` and `meta` on their way in: checked whole, kept byte for byte.

They are decoded once, completely, so that what is stored can be read back by everybody who shows or uses a model.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api import InvalidRequest, ValidationError, decode_anything, label_key
from portico_models.params import check_params, whole_floats
from portico_models.transfer.foreign_pictures import DEFAULT_PICTURE, check_picture, odd_picture

#: What a client may rely on finding in `meta`. Source: the API's clients.
DEFAULTS: Final[Mapping[str, bytes]] = {
    "profile_image_url": msgspec.json.encode(DEFAULT_PICTURE),
    "description": b"null",
    "capabilities": b"null",
}


class _Tag(msgspec.Struct):
    name: str


#: Keys of `meta` that somebody reads, and their shape; null = not set. All others are kept as they came.
KNOWN: Final[Mapping[str, Any]] = {
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
#: Bytes of a form for one model or template, whose parameters and meta are decoded.
MAX_MODEL_BYTES = 4 * 1024 * 1024
#: JSON values in one model or template of an import; a form has as many, unless `server.max_values` says otherwise.
MAX_MODEL_VALUES: Final = 100_000
MOST_TAGS = 100
#: Characters.
LONGEST_TAG = 128
LONGEST_NAME = 512
#: Characters of a tag that an index can hold: an earlier release took longer ones.
_LONGEST_KEPT_TAG: Final = 512

_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_name(name: str, stored: str | None = None) -> str:
    """The name to store. What is `stored` already is not checked again. Raises: Invalid if it is too long for any list."""
    if name == stored:
        return name
    if len(name) > LONGEST_NAME:
        raise InvalidRequest(f"[ERROR: name must have at most {LONGEST_NAME} characters]")
    return name.replace("\x00", "")


def read_params(raw: msgspec.Raw, stored: str | None = None) -> str:
    """The JSON text to store: as it came, but for `40.0` where a whole number is due, which becomes `40`.

    Keys that say what is `stored` already are not checked again. Raises: Misshapen if it is no object, Invalid for a value out of range.
    """
    params = _object(raw, "params")
    whole = whole_floats(params)
    check_params(_changed(params | whole, stored))
    return bytes(_replaced(raw, whole)).decode()


def read_meta(
    raw: msgspec.Raw, notes: list[str] | None = None, *, stored: str | None = None
) -> tuple[str, dict[str, str]]:
    """The JSON text to store, with the keys that clients rely on; and the tags in it, by what they are found by.

    `notes`, Raises: as `mended_meta` and `check_meta`.
    """
    raw = raw if notes is None else mended_meta(raw, notes)
    meta = check_meta(raw, stored)
    missing = {key: msgspec.Raw(value) for key, value in DEFAULTS.items() if key not in meta}
    text = msgspec.json.encode(missing | _DECODER.decode(raw)) if missing else bytes(raw)
    return text.decode(), _tags(meta)


def check_meta(raw: msgspec.Raw, stored: str | None = None) -> dict[str, Any]:
    """What is in it. Keys that say what is `stored` already are not checked again. Raises: Misshapen if it, or a known key, has another shape; Invalid for a picture that is none."""
    whole = _object(raw, "meta")
    meta = _changed(whole, stored)
    for key, shape in KNOWN.items():
        if meta.get(key) is not None:
            try:
                msgspec.convert(meta[key], shape)
            except msgspec.ValidationError as error:
                # msgspec says what it expected and where, never what it got.
                raise _misfit(["meta", key], str(error)) from None
    check_picture(meta.get("profile_image_url"))
    if any(len(tag["name"]) > LONGEST_TAG for tag in meta.get("tags") or ()):
        raise InvalidRequest(f"[ERROR: meta.tags: a tag has at most {LONGEST_TAG} characters]")
    return whole


def mended_meta(raw: msgspec.Raw, notes: list[str]) -> msgspec.Raw:
    """`meta` with the default picture, where other servers' clients have stored one that is not shown here.

    `notes`: what was replaced is added to them. Raises: Misshapen if it is no object.
    """
    meta = _object(raw, "meta")
    reason = odd_picture(meta.get("profile_image_url"))
    if reason is None:
        return raw
    notes.append(f"meta.profile_image_url: {reason}; the default picture takes its place")
    return _replaced(raw, {"profile_image_url": DEFAULT_PICTURE})


def merged(name: str, *layers: msgspec.Raw) -> msgspec.Raw:
    """Objects laid over one another, key by key at the top; the last one wins. Raises: Misshapen, about `name`."""
    keys: dict[str, msgspec.Raw] = {}
    for layer in layers:
        try:
            keys |= _DECODER.decode(layer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _misfit([name], "Expected `object`") from None
    return msgspec.Raw(msgspec.json.encode(keys))


def tag_key(name: str) -> str:
    """A tag as it is compared: no two that look alike."""
    return label_key(_tag_label(name))


def _tag_label(name: str) -> str:
    return name.replace("\x00", "").strip()


def _tags(meta: Mapping[str, Any]) -> dict[str, str]:
    """Tags as they are written, by their keys; of two for one key the first."""
    told = meta.get("tags")
    names = (
        [tag.get("name") for tag in told if isinstance(tag, dict)] if isinstance(told, list) else []
    )
    labels = [_tag_label(name) for name in names if isinstance(name, str)]
    found = {
        tag_key(label): label for label in reversed(labels) if 0 < len(label) <= _LONGEST_KEPT_TAG
    }
    return dict(list(found.items())[::-1][:MOST_TAGS])


def _replaced(raw: msgspec.Raw, values: Mapping[str, Any]) -> msgspec.Raw:
    """An object with other values for some keys; the others stay byte for byte."""
    if not values:
        return raw
    encoded = {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in values.items()}
    return msgspec.Raw(msgspec.json.encode(_DECODER.decode(raw) | encoded))


def _changed(document: dict[str, Any], stored: str | None) -> dict[str, Any]:
    """The keys whose values are others than those in the JSON text that is stored."""
    try:
        was = msgspec.json.decode(stored or "{}", type=dict[str, Any])
    except msgspec.MsgspecError:
        return document
    encode = msgspec.json.encode  # 1 and true are equal, and not the same
    return {
        key: value
        for key, value in document.items()
        if key not in was or encode(value) != encode(was[key])
    }


def _object(raw: msgspec.Raw, name: str) -> dict[str, Any]:
    try:
        value = decode_anything(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _misfit([name], "It is not JSON that can be read back", "json_invalid") from None
    if not isinstance(value, dict):
        raise _misfit([name], "Expected `object`")
    return value


def _misfit(loc: list[str], message: str, kind: str = "type_error") -> ValidationError:
    return ValidationError([{"type": kind, "loc": ["body", *loc], "msg": message}])
