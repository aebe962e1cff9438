"""Which chats come into question, as SQL: whose they are, and what the operators of a search say."""

from typing import Any

import msgspec

from portico.api import Actor, Folders, House
from portico_chats.reach import Reach
from portico_chats.search.postings import Postings
from portico_chats.search.words import Sought

_TAGGED = (
    "id IN (SELECT chat_id FROM chats_tagged WHERE user_id = $1 AND tag_id IN ({}) "
    "GROUP BY chat_id HAVING COUNT(*) = {})"
)
_UNTAGGED = "NOT EXISTS (SELECT 1 FROM chats_tagged WHERE chat_id = chats_chat.id)"
_SHARED = {True: "share_id IS NOT NULL", False: "share_id IS NULL"}


class Values:
    """The values of a statement: `values(x)` puts one behind a placeholder and returns the placeholder."""

    def __init__(self, *first: Any) -> None:
        self.args = list(first)

    def __call__(self, value: Any) -> str:
        self.args.append(value)
        return f"${len(self.args)}"


class Condition(msgspec.Struct, frozen=True):
    """True for rows of `chats_chat`. `$1` is the caller's id."""

    sql: str
    args: tuple[Any, ...]

    def values(self) -> Values:
        """Those of the condition, for a statement that needs more."""
        return Values(*self.args)


async def own_chats(app: House, actor: Actor, sought: Sought, kept: Postings) -> Condition | None:
    """The caller's own chats that the operators let through; None if a folder is named that is not there."""
    values = Values(actor.id)
    # In this order it is the beginning of the index that the list is sorted by.
    parts = ["chats_chat.user_id = $1", f"archived = {_word(sought.archived)}"]
    readable, args = await Reach(app).where(actor, "read", first=len(values.args) + 1)
    values.args.extend(args)
    parts.append(f"({readable})")
    if sought.pinned is not None:
        parts.append(f"pinned = {_word(sought.pinned)}")
    if sought.shared is not None:
        parts.append(_SHARED[sought.shared])
    if sought.untagged:
        parts.append(_UNTAGGED)
    if sought.tags:
        tags = kept.members.format(values(_json(sought.tags)))
        parts.append(_TAGGED.format(tags, values(len(sought.tags))))
    if sought.folders:
        folders = await _folders(app, actor, sought.folders)
        if not folders:
            return None
        parts.append(f"folder_id IN ({kept.members.format(values(_json(folders)))})")
    return Condition(" AND ".join(parts), tuple(values.args))


async def _folders(app: House, actor: Actor, names: tuple[str, ...]) -> list[str]:
    folders = app.services.get(Folders)
    if folders is None:
        return []
    return sorted({one for name in names for one in await folders.named(actor.id, name)})


def _word(flag: bool) -> str:
    return "TRUE" if flag else "FALSE"


def _json(texts: Any) -> str:
    return msgspec.json.encode(texts).decode()
