"""SQL conditions of a search: the caller's chats, narrowed by the operators of the query."""

from typing import Any

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.interfaces import FolderLookup
from portico_chats.access import ChatAccess
from portico_chats.search.backend import IndexBackend
from portico_chats.search.query_parser import SearchQuery

_TAGGED = (
    "id IN (SELECT chat_id FROM chats_chat_tag WHERE user_id = $1 AND tag_id IN ({}) "
    "GROUP BY chat_id HAVING COUNT(*) = {})"
)
_UNTAGGED = "NOT EXISTS (SELECT 1 FROM chats_chat_tag WHERE chat_id = chats_chat.id)"
_SHARED = {True: "share_id IS NOT NULL", False: "share_id IS NULL"}


class Placeholders:
    """Arguments of a statement: `values(x)` adds one and returns its placeholder."""

    def __init__(self, *first: Any) -> None:
        self.args = list(first)

    def __call__(self, value: Any) -> str:
        self.args.append(value)
        return f"${len(self.args)}"


class ChatFilter(msgspec.Struct, frozen=True):
    """Condition for rows of `chats_chat`. `$1` is the caller's id."""

    sql: str
    args: tuple[Any, ...]

    def values(self) -> Placeholders:
        """Return the arguments of the condition, for a statement that adds more."""
        return Placeholders(*self.args)


async def own_chats(
    app: AppContext, access: ChatAccess, actor: Actor, query: SearchQuery, backend: IndexBackend
) -> ChatFilter | None:
    """Return the condition for the caller's own chats that match the operators; None if a named folder does not exist."""
    values = Placeholders(actor.id)
    # This order matches the start of the index that sorts the list.
    parts = ["chats_chat.user_id = $1", f"archived = {_word(query.archived)}"]
    readable = await access.condition_for(actor, "read", first=len(values.args) + 1)
    values.args.extend(readable.args)
    parts.append(f"({readable.sql})")
    if query.pinned is not None:
        parts.append(f"pinned = {_word(query.pinned)}")
    if query.shared is not None:
        parts.append(_SHARED[query.shared])
    if query.untagged:
        parts.append(_UNTAGGED)
    if query.tags:
        tags = backend.array_items.format(values(_json(query.tags)))
        parts.append(_TAGGED.format(tags, values(len(query.tags))))
    if query.folders:
        folders = await _folders(app, actor, query.folders)
        if not folders:
            return None
        parts.append(f"folder_id IN ({backend.array_items.format(values(_json(folders)))})")
    return ChatFilter(" AND ".join(parts), tuple(values.args))


async def _folders(app: AppContext, actor: Actor, names: tuple[str, ...]) -> list[str]:
    folders = app.services.get(FolderLookup)
    if folders is None:
        return []
    return sorted({one for name in names for one in await folders.ids_by_name(actor.id, name)})


def _word(flag: bool) -> str:
    return "TRUE" if flag else "FALSE"


def _json(texts: Any) -> str:
    return msgspec.json.encode(texts).decode()
