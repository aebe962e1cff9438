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
META: Final[Mapping[str, tuple[type, bytes]]] = {
    "profile_image_url": (str, b'"/static/favicon.png"'),
    "description": (str, b"null"),
    "capabilities": (dict, b"null"),
}
#: Characters of a picture that is part of the record.
LARGEST_PICTURE = 512 * 1024
MOST_TAGS = 100

_PICTURE = re.compile(
    r"|/(?!/)[^\\]*|https?://[^\s\\]+|data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]*"
)
_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_params(raw: msgspec.Raw) -> str:
    """The JSON text to store. Raises: Misshapen if it is no object, Invalid for a value out of range."""
    check_params(_object(raw, "params"))
    return bytes(raw).decode()


def read_meta(raw: msgspec.Raw) -> tuple[str, list[str]]:
    """The JSON text to store, with the keys that clients rely on, and the tags in it, folded to one case.

    Raises: Misshapen if it, or one of those keys, has another shape; Invalid for a picture that is none.
    """
    meta = _object(raw, "meta")
    for key, (kind, _) in META.items():
        if meta.get(key) is not None and not isinstance(meta[key], kind):
            raise _misfit(["meta", key], f"Expected `{'str' if kind is str else 'object'} | null`")
    _check_picture(meta.get("profile_image_url"))
    missing = {key: msgspec.Raw(value) for key, (_, value) in META.items() if key not in meta}
    text = msgspec.json.encode(missing | _DECODER.decode(raw)) if missing else bytes(raw)
    return text.decode(), _tags(meta.get("tags"))


def tag_key(name: str) -> str:
    """A tag as it is compared: in one case, without what databases cannot store."""
    return name.replace("\x00", "").strip().casefold()


def _tags(tags: Any) -> list[str]:
    """Names out of `[{"name": …}]`; what has another shape counts as no tag."""
    items = tags if isinstance(tags, list) else []
    names = [tag.get("name") for tag in items if isinstance(tag, dict)]
    keys = dict.fromkeys(tag_key(name) for name in names if isinstance(name, str))
    return [key for key in keys if key][:MOST_TAGS]


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
