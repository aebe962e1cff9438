"""Conversion of rows and messages to chats of the API."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from portico.api.json import raw_object
from portico_chats.content.chat_content import ChatContent
from portico_chats.content.message_tree import branch
from portico_chats.schemas import Chat
from portico_chats.storage import message_queries
from portico_chats.storage.chat_queries import skeleton_of_row
from portico_chats.worker_thread import off_loop

_LINKS = msgspec.json.Decoder(list[tuple[str, str | None]])


def new_row(chat_id: str, owner_id: str, title: str, at: int) -> dict[str, Any]:
    """Return the columns of a new chat. `at`: epoch seconds."""
    return {
        "id": chat_id,
        "user_id": owner_id,
        "title": title,
        "updated_at": at,
        "created_at": at,
        "share_id": None,
        "archived": False,
        "pinned": False,
        "meta": "{}",
        "folder_id": None,
    }


def to_chat(row: dict[str, Any], document: str) -> Chat:
    """Return the chat of a row and its document."""
    return Chat(
        id=row["id"],
        user_id=row["user_id"],
        title=row["title"],
        chat=msgspec.Raw(document),
        updated_at=row["updated_at"],
        created_at=row["created_at"],
        share_id=row["share_id"],
        archived=row["archived"],
        pinned=row["pinned"],
        meta=msgspec.Raw(row["meta"]),
        folder_id=row["folder_id"],
    )


async def render_document(row: dict[str, Any]) -> str:
    """Return the JSON of the document, of a row that `chat_queries.find` has read."""
    return await off_loop(len(row["text"]) + len(row["messages"] or ""), _render_row, row)


async def render_locked_document(row: dict[str, Any]) -> str:
    """Return the JSON of the document, of a locked row without its messages.

    Because of the lock the pieces that are read fit together.
    """
    content = ChatContent(skeleton_of_row(row), await message_queries.bodies(row["id"]))
    return await off_loop(content.size, content.render)


async def to_chats(blocks: AsyncIterator[list[dict[str, Any]]]) -> AsyncIterator[list[Chat]]:
    """Convert blocks of rows that `chat_queries.find_full` has read to blocks of whole chats."""
    async for block in blocks:
        chats = []
        for row in block:
            document = await render_document(row)
            chats.append(await off_loop(len(document), to_chat, row, document))
        yield chats


def _render_row(row: dict[str, Any]) -> str:
    skeleton, messages = skeleton_of_row(row), row["messages"] or ""
    return skeleton.render(messages, _branch(row) if skeleton.branch_offset is not None else "")


def _branch(row: dict[str, Any]) -> str:
    """Return the visible branch as a list, which clients store beside the tree."""
    bodies = raw_object.split(f"{{{row['messages'] or ''}}}")
    parents = dict(_LINKS.decode(f"[{row['links'] or ''}]"))
    shown = [str(bodies[one], "utf-8") for one in branch(row["current_id"], parents.__getitem__)]
    return ",".join(reversed(shown))
