"""`params` and `meta` on their way in: checked whole, kept byte for byte.

They are decoded once, completely, so that what is stored can be read back by everybody who shows or uses a model.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api import Invalid, Misshapen
from portico_models.params import check_params

#: What a client may rely on finding in `meta`. Source: the API's clients.
DEFAULTS: Final[Mapping[str, bytes]] = {
    "profile_image_url": b'"/static/favicon.png"',
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
#: Characters of a picture that is part of the record.
LARGEST_PICTURE = 512 * 1024
MOST_TAGS = 100
#: Characters.
LONGEST_TAG = 128
LONGEST_NAME = 512

_PICTURE = re.compile(
    r"|/(?!/)[^\\]*|https?://[^\s\\]+|data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]*"
)
_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_name(name: str) -> str:
    """The name to store. Raises: Invalid if it is too long for any list."""
    if len(name) > LONGEST_NAME:
        raise Invalid(f"[ERROR: name must have at most {LONGEST_NAME} characters]")
    return name.replace("\x00", "")


def read_params(raw: msgspec.Raw) -> str:
    """The JSON text to store. Raises: Misshapen if it is no object, Invalid for a value out of range."""
    check_params(_object(raw, "params"))
    return bytes(raw).decode()


def read_meta(raw: msgspec.Raw) -> tuple[str, dict[str, str]]:
    """The JSON text to store, with the keys that clients rely on; and the tags in it, by what they are found by.

    Raises: as `check_meta`.
    """
    meta = check_meta(raw)
    missing = {key: msgspec.Raw(value) for key, value in DEFAULTS.items() if key not in meta}
    text = msgspec.json.encode(missing | _DECODER.decode(raw)) if missing else bytes(raw)
    return text.decode(), _tags(meta)


def check_meta(raw: msgspec.Raw) -> dict[str, Any]:
    """What is in it. Raises: Misshapen if it, or a known key, has another shape; Invalid for a picture that is none."""
    meta = _object(raw, "meta")
    for key, shape in KNOWN.items():
        if meta.get(key) is not None:
            try:
                msgspec.convert(meta[key], shape)
            except msgspec.ValidationError as error:
                # msgspec says what it expected and where, never what it got.
                raise _misfit(["meta", key], str(error)) from None
    _check_picture(meta.get("profile_image_url"))
    if any(len(tag["name"]) > LONGEST_TAG for tag in meta.get("tags") or ()):
        raise Invalid(f"[ERROR: meta.tags: a tag has at most {LONGEST_TAG} characters]")
    return meta


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
    """A tag as it is compared: in one case, without what databases cannot store."""
    return _tag_label(name).casefold()


def _tag_label(name: str) -> str:
    return name.replace("\x00", "").strip()


def _tags(meta: Mapping[str, Any]) -> dict[str, str]:
    """Tags as they are written, by their keys; of two for one key the first."""
    labels = [_tag_label(tag["name"]) for tag in meta.get("tags") or ()]
    found = {tag_key(label): label for label in reversed(labels) if label}
    return dict(list(found.items())[::-1][:MOST_TAGS])


def _check_picture(picture: str | None) -> None:
    if picture is None:
        return
    if len(picture) > LARGEST_PICTURE or not _PICTURE.fullmatch(picture):
        raise Invalid(
            "[ERROR: meta.profile_image_url must be a path, a web address, or a PNG, JPEG, GIF or WebP "
            f"picture of at most {LARGEST_PICTURE // 1024} KiB]"
        )


def _object(raw: msgspec.Raw, name: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _misfit([name], "It is not JSON that can be read back", "json_invalid") from None
    if not isinstance(value, dict):
        raise _misfit([name], "Expected `object`")
    return value


def _misfit(loc: list[str], message: str, kind: str = "type_error") -> Misshapen:
    return Misshapen([{"type": kind, "loc": ["body", *loc], "msg": message}])
