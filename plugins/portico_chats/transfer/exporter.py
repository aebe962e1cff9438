"""Chats on their way out, a few at a time: what an import takes in again."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from msgspec import UNSET

from portico.api import FolderLookup, FolderPath, fetch_one
from portico_chats.listing import queries as list_queries
from portico_chats.schemas import Chat, ExportedChat
from portico_chats.storage import chat_queries
from portico_chats.storage.serialization import to_chats

_COUNT: Final = "SELECT COUNT(*) AS n FROM chats_chat"


async def count(owner_id: str | None) -> int:
    """How many somebody has; None = all there are."""
    mine, args = ("", ()) if owner_id is None else (" WHERE user_id = $1", (owner_id,))
    found = await fetch_one(_COUNT + mine, *args)
    return int(found["n"]) if found else 0


async def blocks(
    owner_id: str | None, folders: FolderLookup | None = None
) -> AsyncIterator[list[ExportedChat]]:
    """Somebody's chats, archived ones too; None = everybody's. Nothing is held between two blocks.

    `folders`: who knows what the folders are called that they lie in.
    """
    if owner_id is None:
        found = list_queries.all_users(chat_queries.ANY)
    else:
        found = list_queries.stream(await list_queries.ids(owner_id, chat_queries.ANY))
    paths: dict[tuple[str, str], FolderPath] = {}
    async for block in to_chats(found):
        places = {(one.user_id, one.folder_id) for one in block if one.folder_id is not None}
        if folders is not None and (new := places - paths.keys()):
            paths |= await folders.paths([folder_id for _, folder_id in new])
        yield [_exported(one, paths.get((one.user_id, one.folder_id or ""))) for one in block]


def _exported(chat: Chat, folder: FolderPath | None) -> ExportedChat:
    return ExportedChat(
        **{name: getattr(chat, name) for name in Chat.__struct_fields__},
        folder=UNSET if folder is None else folder,
    )


def some(chat_ids: Sequence[str]) -> AsyncIterator[list[Chat]]:
    """These chats, in this order; those that are gone are left out."""
    return to_chats(list_queries.stream(chat_ids))
