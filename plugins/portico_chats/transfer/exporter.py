"""Export of chats, a few at a time, in the format that an import reads."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from msgspec import UNSET

from portico.api.db import fetch_one
from portico.api.interfaces import FolderLookup, FolderPath
from portico.api.policy import EVERY_ROW
from portico_chats.listing import queries as list_queries
from portico_chats.schemas import Chat, ExportedChat
from portico_chats.storage.serialization import to_chats

_COUNT: Final = "SELECT COUNT(*) AS n FROM chats_chat"


async def count(owner_id: str | None) -> int:
    """Return the number of chats of an account; None = of all accounts."""
    mine, args = ("", ()) if owner_id is None else (" WHERE user_id = $1", (owner_id,))
    found = await fetch_one(_COUNT + mine, *args)
    return int(found["n"]) if found else 0


async def blocks(
    owner_id: str | None, folders: FolderLookup | None = None
) -> AsyncIterator[list[ExportedChat]]:
    """Yield an account's chats, archived ones too; None = of all accounts. Nothing is held between two blocks.

    `folders`: returns the names of the chats' folders.
    """
    if owner_id is None:
        found = list_queries.all_users(EVERY_ROW)
    else:
        found = list_queries.stream(await list_queries.ids(owner_id, EVERY_ROW))
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
    """Return these chats, in this order; deleted ones are skipped."""
    return to_chats(list_queries.stream(chat_ids))
