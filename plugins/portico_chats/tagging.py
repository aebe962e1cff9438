"""Tags that a chat comes with: whose they become, and how they are found in what a client sent."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from portico.api import execute, placeholder_rows

#: Characters of a name.
LONGEST: Final = 128
#: Tags of one chat.
MOST: Final = 100

_NAME: Final = (
    "INSERT INTO chats_tag (user_id, id, name) VALUES {} ON CONFLICT (user_id, id) DO NOTHING"
)
_TAG: Final = (
    "INSERT INTO chats_tagged (chat_id, tag_id, user_id) VALUES {} "
    "ON CONFLICT (chat_id, tag_id) DO NOTHING"
)


class _Meta(msgspec.Struct):
    tags: list[str] = []


def in_meta(meta: str | bytes) -> dict[str, str]:
    """The tags that the `meta` of a chat names. Raises: msgspec.ValidationError for another shape."""
    return named(msgspec.json.decode(meta, type=_Meta).tags)


def tag_id(name: str) -> str:
    """What a tag of that name is called by machines."""
    return name.replace(" ", "_").lower()


def named(names: Iterable[str]) -> dict[str, str]:
    """Tags by id, each as it was spelled first; without those that no tag can be called, `none` among them."""
    found: dict[str, str] = {}
    for name in (one.replace("\x00", "").strip() for one in names):
        if 0 < len(name) <= LONGEST and tag_id(name) != "none" and len(found) < MOST:
            found.setdefault(tag_id(name), name)
    return found


async def attach(
    owner_id: str, chat_id: str, tags: Mapping[str, str], *, archived: bool = False
) -> None:
    """Tag a new chat. A tag that its owner has already stays as they spell it; archived chats give them none."""
    if not tags:
        return
    if not archived:
        values = [value for pair in tags.items() for value in (owner_id, *pair)]
        await execute(_NAME.format(placeholder_rows(len(tags), 3)), *values)
    values = [value for known_as in tags for value in (chat_id, known_as, owner_id)]
    await execute(_TAG.format(placeholder_rows(len(tags), 3)), *values)
