"""Names of tags: normalization, limits, and the tags in a chat's `meta`."""

from collections.abc import Iterable
from typing import Final

import msgspec

from portico.api import InvalidRequest
from portico.api.json import raw_object
from portico.api.text import label_key

#: Characters of a name.
MAX_TAG_CHARS: Final = 128
#: Tags of one chat.
MAX_TAGS_PER_CHAT: Final = 100
#: Search operator value for chats without tags.
NONE: Final = "none"

_LIST = msgspec.json.Decoder(list[str])


def tag_id(name: str) -> str:
    """Return the id that equal tag names share: `Big Trip` is `big_trip`."""
    return label_key(name).replace(" ", "_")


def read_name(name: str) -> tuple[str, str]:
    """Return id and name of a tag that a client sent. Raises: InvalidRequest for an invalid name."""
    name = name.replace("\x00", "").strip()
    tag_key = tag_id(name)
    if tag_key == NONE:
        raise InvalidRequest("[ERROR: Tag name cannot be 'None']")
    if len(name) > MAX_TAG_CHARS or not is_valid_id(tag_key):
        raise InvalidRequest(
            f"[ERROR: Tag name must have 1 to {MAX_TAG_CHARS} characters, without NUL and lone surrogates]"
        )
    return tag_key, name


def is_valid_id(tag_key: str) -> bool:
    """Return whether a tag can have this id."""
    try:
        return 0 < len(tag_key) <= MAX_TAG_CHARS and b"\x00" not in tag_key.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def tags_in(meta: str) -> list[str]:
    """Return the distinct tag ids in a chat's stored `meta`; none if it has another shape than usual.

    This includes names and numbers that are not valid today: an earlier release may have accepted them.
    """
    try:
        names = _LIST.decode(raw_object.split(meta).get("tags", b"[]"))
    except msgspec.MsgspecError:
        return []
    return list(dict.fromkeys(tag_id(one) or one for one in names))


def parse_tags(meta: str | bytes) -> dict[str, str]:
    """Return the tags in a client's `meta`: names by id, each in its first spelling. Invalid names are left out.

    Raises: msgspec.MsgspecError if `meta` is not an object, or its `tags` are not a list of texts.
    """
    return valid_names(_LIST.decode(raw_object.split(meta).get("tags", b"[]")))


def valid_names(texts: Iterable[str]) -> dict[str, str]:
    """Return the names of tags by id, each in its first spelling. Invalid ones are left out, and those beyond the limit."""
    found: dict[str, str] = {}
    for text in texts:
        try:
            tag_key, name = read_name(text)
        except InvalidRequest:
            continue
        if len(found) < MAX_TAGS_PER_CHAT:
            found.setdefault(tag_key, name)
    return found


def with_tags(meta: str, ids: Iterable[str]) -> str:
    """Return `meta` with these tags; everything else in it stays."""
    return msgspec.json.encode(raw_object.split_stored(meta) | {"tags": list(ids)}).decode()
