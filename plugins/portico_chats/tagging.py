"""Tags that a chat comes with: whose they become, and how they are found in what a client sent."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from portico.api import execute

#: Tags in one statement.
_CHUNK: Final = 100

_NAME: Final = (
    "INSERT INTO chats_tag (user_id, id, name) VALUES {} ON CONFLICT (user_id, id) DO NOTHING"
)
_TAG: Final = "INSERT INTO chats_tagged (chat_id, tag_id, user_id) VALUES {} ON CONFLICT (chat_id, tag_id) DO NOTHING"


class _Meta(msgspec.Struct):
    tags: list[str] = []


def in_meta(meta: str | bytes) -> dict[str, str]:
    """The tags that the `meta` of a chat names. Raises: msgspec.ValidationError for another shape."""
    return named(msgspec.json.decode(meta, type=_Meta).tags)


def tag_id(name: str) -> str:
    """What a tag of that name is called by machines."""
    return name.replace(" ", "_").lower()


def named(names: Iterable[str]) -> dict[str, str]:
    """Tags by id, each as it was spelled first; without `none`, which stands for no tags."""
    found: dict[str, str] = {}
    for name in (one.replace("\x00", "").strip() for one in names):
        if name and tag_id(name) != "none":
            found.setdefault(tag_id(name), name)
    return found


async def attach(owner_id: str, chat_id: str, tags: Mapping[str, str]) -> None:
    """Tag a new chat. A tag that its owner has already stays as they spell it."""
    pairs = list(tags.items())
    for start in range(0, len(pairs), _CHUNK):
        some = pairs[start : start + _CHUNK]
        names = ", ".join(f"($1, ${2 + 2 * n}, ${3 + 2 * n})" for n in range(len(some)))
        await execute(_NAME.format(names), owner_id, *(value for pair in some for value in pair))
        ids = ", ".join(f"($1, ${3 + n}, $2)" for n in range(len(some)))
        await execute(_TAG.format(ids), chat_id, owner_id, *(one for one, _ in some))
