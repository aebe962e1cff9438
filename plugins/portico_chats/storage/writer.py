"""Writes of chats: the chat, its messages and searchable texts, in the open transaction. Only rows that change are written."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from portico_chats.content.chat_content import ChatContent, ContentChange
from portico_chats.content.chat_document import ChatDocument, long_ids_error, too_long_ids
from portico_chats.content.message_tree import MessageTree, TreeSender, is_append_only, merge
from portico_chats.storage import chat_queries, indexed_texts, message_queries
from portico_chats.worker_thread import off_loop

Row = dict[str, Any]
#: Returns the last revision of a chat that a session was shown.
SeenOf = Callable[[str, str], Awaitable[int]]


async def insert_chats(chats: Sequence[tuple[Row, ContentChange]]) -> None:
    """Insert chats with their messages and texts, in a few statements for all. Rows: see `chat_queries.insert`."""
    await chat_queries.insert([(row, new.content.skeleton) for row, new in chats])
    await message_queries.write_all(
        (row["id"], new.written, row["updated_at"]) for row, new in chats
    )
    await indexed_texts.add_all((row["user_id"], row["id"], new.texts) for row, new in chats)


async def apply_changes(
    locked: Row,
    changes: ChatDocument,
    session_id: str,
    seen_of: SeenOf,
    known: ChatContent | None = None,
) -> ContentChange:
    """Replace top-level keys of a locked chat, and its title. `known`: the content before, if it is in memory."""
    before = known or ChatContent(
        chat_queries.skeleton_of_row(locked), await message_queries.bodies(locked["id"])
    )
    size = changes.size + before.size
    tree: MessageTree | None = MessageTree(before.bodies)
    if too_long := too_long_ids(changes):
        inside = before.skeleton.messages_inside() or {}
        if any(one not in inside for one in too_long):
            raise long_ids_error()
        tree = None
    elif "history" in changes.parts:
        tree = await _merge(locked, before.bodies, changes.messages or {}, session_id, seen_of)
    old_title = locked["title"]
    title = old_title if changes.title is None else changes.title
    change = await off_loop(size, before.change, changes, tree, old_title, title)
    if change.content.skeleton != before.skeleton or title != old_title:
        await chat_queries.update(locked["id"], title, change.content.skeleton)
    await _write(locked, change)
    locked["title"] = title
    return change


async def _merge(
    locked: Row,
    bodies: Mapping[str, str],
    posted: Mapping[str, str],
    session_id: str,
    seen_of: SeenOf,
) -> MessageTree:
    """Return the messages of a chat after merging the sent ones. Reads only the rows it needs."""
    chat_id, revision = locked["id"], locked["revision"]
    if is_append_only(bodies, posted):
        if posted == bodies:
            return MessageTree(bodies)
        new = {one: body for one, body in posted.items() if bodies.get(one) != body}
        rows = await message_queries.some(chat_id, [one for one in new if one in bodies])
        end = await message_queries.end(chat_id) if len(posted) > len(bodies) else 0
        size = sum(map(len, new.values()))
        tree = await off_loop(size, merge, rows, new, TreeSender(session_id), revision, end)
        return msgspec.structs.replace(tree, bodies={**posted, **tree.bodies})
    omits = any(one not in posted for one in bodies)
    sender = TreeSender(session_id, await seen_of(chat_id, session_id) if omits else 0)
    stored = await message_queries.of(chat_id)
    size = sum(map(len, posted.values())) + sum(map(len, bodies.values()))
    return await off_loop(size, merge, stored, posted, sender, revision)


async def _write(row: Row, change: ContentChange) -> None:
    """Write the messages and the searchable texts of a chat."""
    chat_id, at = row["id"], row["updated_at"]
    await message_queries.write(chat_id, change.written, at)
    await message_queries.delete(chat_id, change.deleted_ids, at)
    await indexed_texts.delete(chat_id, change.stale_texts)
    await indexed_texts.add(row["user_id"], chat_id, change.texts)
