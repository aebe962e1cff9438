"""Names of tags: what makes two of them the same, and how a chat's `meta` holds them."""

from collections.abc import Iterable
from typing import Final

import msgspec

from portico.api import InvalidRequest, label_key

#: Characters of a name.
LONGEST: Final = 128
#: Tags of one chat.
MOST: Final = 100
#: What a search calls chats without tags.
NONE: Final = "none"

_META = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[str])


def tag_id(name: str) -> str:
    """What tags that look alike have in common: `Big Trip` is `big_trip`."""
    return label_key(name).replace(" ", "_")


def read_name(name: str) -> tuple[str, str]:
    """Id and name of a tag from a client. Raises: Invalid for a name that no tag may have."""
    name = name.replace("\x00", "").strip()
    known_as = tag_id(name)
    if known_as == NONE:
        raise InvalidRequest("[ERROR: Tag name cannot be 'None']")
    if len(name) > LONGEST or not may_exist(known_as):
        raise InvalidRequest(
            f"[ERROR: Tag name must have 1 to {LONGEST} characters, all of them whole]"
        )
    return known_as, name


def may_exist(known_as: str) -> bool:
    """Whether a tag may have this id."""
    try:
        return 0 < len(known_as) <= LONGEST and b"\x00" not in known_as.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def tags_in(meta: str) -> list[str]:
    """The ids of the tags that a chat's stored `meta` tells of, each once; none if it has another shape than usual.

    Names and numbers of tags that no chat can have today are among them: an earlier release may have taken them.
    """
    try:
        told = _LIST.decode(_META.decode(meta).get("tags", b"[]"))
    except msgspec.MsgspecError:
        return []
    return list(dict.fromkeys(tag_id(one) or one for one in told))


def parse_tags(meta: str | bytes) -> dict[str, str]:
    """The same from a client: the tags by id, each as it is spelled first. What no tag can be called is left out.

    Raises: msgspec.MsgspecError for a `meta` that is no object, or whose `tags` are no list of texts.
    """
    found: dict[str, str] = {}
    for told in _LIST.decode(_META.decode(meta).get("tags", b"[]")):
        try:
            known_as, name = read_name(told)
        except InvalidRequest:
            continue
        if len(found) < MOST:
            found.setdefault(known_as, name)
    return found


def with_tags(meta: str, ids: Iterable[str]) -> str:
    """`meta` with these tags; whatever else is in it stays."""
    try:
        parts = _META.decode(meta)
    except msgspec.MsgspecError:
        parts = {}
    return msgspec.json.encode(parts | {"tags": list(ids)}).decode()
