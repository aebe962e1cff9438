"""Writes of chats: the chat, its messages and searchable texts, in the open transaction.

Only rows that change are written. The resulting document is returned, rendered from what is in memory.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from portico_chats.content.chat_document import (
    PLACEHOLDER,
    ChatDocument,
    inline_messages,
    long_ids_error,
    too_long_ids,
)
from portico_chats.content.message_body import read_message
from portico_chats.content.message_tree import (
    MessageTree,
    TreeSender,
    is_append_only,
    is_branch,
    merge,
)
from portico_chats.content.skeleton import ChatSkeleton, skeleton_of
from portico_chats.storage import chat_queries, indexed_texts, message_queries
from portico_chats.storage.serialization import render_chat
from portico_chats.worker_thread import off_loop

Row = dict[str, Any]
#: Returns the last revision of a chat that a session was shown.
SeenOf = Callable[[str, str], Awaitable[int]]


class WrittenChat(msgspec.Struct, frozen=True):
    """A chat after the write: its document, also split; and the ids of the deleted messages."""

    document: str
    skeleton: ChatSkeleton
    bodies: Mapping[str, str]
    deleted_ids: Sequence[str] = ()


async def insert_chat(row: Row, document: ChatDocument, session_id: str) -> WrittenChat:
    """Insert a chat. `row`: see `chat_queries.insert`. `session_id`: the creating session."""
    size = document.size
    document, tree, skeleton = await off_loop(size, plan, document, session_id)
    await chat_queries.insert(row, skeleton)
    await _write_new(row, document, tree)
    return WrittenChat(await off_loop(size, render_chat, skeleton, tree), skeleton, tree.bodies)


def plan(document: ChatDocument, session_id: str) -> tuple[ChatDocument, MessageTree, ChatSkeleton]:
    """Return a new chat: its document with placeholders, its messages, and its skeleton."""
    if too_long_ids(document):
        document = inline_messages(document)
    tree = merge({}, document.messages or {}, TreeSender(session_id), 1)
    document = _with_placeholders(document, tree)
    return document, tree, skeleton_of(document)


async def apply_changes(
    locked: Row,
    changes: ChatDocument,
    session_id: str,
    seen_of: SeenOf,
    known: WrittenChat | None = None,
) -> WrittenChat:
    """Replace top-level keys of a locked chat, and its title. `known`: the chat as it was before."""
    chat_id = locked["id"]
    bodies = known.bodies if known else await message_queries.bodies(chat_id)
    before = chat_queries.skeleton_of_row(locked)
    base = await off_loop(len(before.text), before.document)
    tree = MessageTree(bodies)
    inside = before.messages_inside()
    too_long = too_long_ids(changes)
    if any(one not in (inside or {}) for one in too_long):
        raise long_ids_error()
    left_out: list[str] = []
    if "history" in changes.parts:
        left_out = [one for one in inside or () if one not in (changes.messages or {})]
    if too_long:
        changes = inline_messages(changes)
    elif "history" in changes.parts:
        tree = await _merge_tree(locked, bodies, changes.messages or {}, session_id, seen_of)
    size = changes.size + len(before.text) + sum(map(len, bodies.values()))
    document = await off_loop(size, _merged, base, changes, tree)
    title = locked["title"] if changes.title is None else changes.title
    after = await off_loop(size, skeleton_of, document)
    if after != before or title != locked["title"]:
        await chat_queries.update(chat_id, title, after)
    await message_queries.write(chat_id, tree.written, tree.parsed, locked["updated_at"])
    await message_queries.delete(chat_id, tree.deleted_ids, locked["updated_at"])
    loose = await off_loop(size, _extra_texts, title, document)
    was_loose = await off_loop(size, _extra_texts, locked["title"], base)
    # The texts of a document in one piece were never written.
    titles = {indexed_texts.TITLE: loose} if loose != was_loose or inside is not None else {}
    await _update_texts(locked, bodies, tree, titles)
    locked["title"] = title
    if known and after == before and tree.bodies is bodies:
        return known
    deleted_ids = [*tree.deleted_ids, *left_out]
    return WrittenChat(
        await off_loop(size, render_chat, after, tree), after, tree.bodies, deleted_ids
    )


def is_unchanged(known: WrittenChat, changes: ChatDocument) -> bool:
    """Return whether a chat would stay the same, byte for byte, with these top-level keys replaced."""
    if "history" in changes.parts:
        posted = changes.messages or {}
        if posted != known.bodies or not is_append_only(known.bodies, posted):
            return False
    document = _merged(known.skeleton.document(), changes, MessageTree(known.bodies))
    return skeleton_of(document) == known.skeleton


async def _merge_tree(
    locked: Row,
    bodies: Mapping[str, str],
    posted: Mapping[str, str],
    session_id: str,
    seen_of: SeenOf,
) -> MessageTree:
    """Return the tree of a chat after merging the sent one. Reads only the rows it needs."""
    chat_id, revision = locked["id"], locked["revision"]
    if is_append_only(bodies, posted):
        if posted == bodies:
            return MessageTree(bodies)
        new = {one: body for one, body in posted.items() if bodies.get(one) != body}
        rows = await message_queries.some(chat_id, [one for one in new if one in bodies])
        end = await message_queries.end(chat_id) if len(posted) > len(bodies) else 0
        size = sum(map(len, new.values()))
        tree = await off_loop(size, merge, rows, new, TreeSender(session_id), revision, end)
        return msgspec.structs.replace(tree, bodies=posted)
    omits = any(one not in posted for one in bodies)
    author = TreeSender(session_id, await seen_of(chat_id, session_id) if omits else 0)
    stored = await message_queries.of(chat_id)
    size = sum(map(len, posted.values())) + sum(map(len, bodies.values()))
    return await off_loop(size, merge, stored, posted, author, revision)


async def _write_new(row: Row, document: ChatDocument, tree: MessageTree) -> None:
    await message_queries.write(row["id"], tree.written, tree.parsed, row["updated_at"])
    texts = await off_loop(document.size, searchable_texts, row["title"], document, tree)
    await indexed_texts.add(row["user_id"], row["id"], texts)


def searchable_texts(title: str, document: ChatDocument, tree: MessageTree) -> dict[str, str]:
    """Return the searchable texts of a new chat."""
    texts = {message_id: parsed.text for message_id, parsed in tree.parsed.items()}
    return {indexed_texts.TITLE: _extra_texts(title, document)} | texts


async def _update_texts(
    locked: Row, bodies: Mapping[str, str], tree: MessageTree, titles: Mapping[str, str]
) -> None:
    """Update the searchable texts to match a tree: only those that differ."""
    size = sum(len(bodies[one]) for one in tree.parsed if one in bodies)
    new, other = await off_loop(size, _texts, bodies, tree)
    await indexed_texts.delete(locked["id"], [*tree.deleted_ids, *other, *titles])
    await indexed_texts.add(locked["user_id"], locked["id"], new | other | dict(titles))


def _texts(bodies: Mapping[str, str], tree: MessageTree) -> tuple[dict[str, str], dict[str, str]]:
    """Return the texts of new messages, and those of existing messages whose text has changed."""
    new = {one: parsed.text for one, parsed in tree.parsed.items() if one not in bodies}
    other = {
        one: parsed.text
        for one, parsed in tree.parsed.items()
        if one in bodies and read_message(bodies[one]).text != parsed.text
    }
    return new, other


def _merged(base: ChatDocument, changes: ChatDocument, tree: MessageTree) -> ChatDocument:
    """Return a document with other top-level keys, and with these messages."""
    if "history" in changes.parts:
        base = msgspec.structs.replace(base, history=changes.history, current_id=changes.current_id)
    return _with_placeholders(
        msgspec.structs.replace(
            base,
            parts=base.parts | changes.parts,
            branch=changes.branch if "messages" in changes.parts else base.branch,
        ),
        tree,
    )


def _with_placeholders(document: ChatDocument, tree: MessageTree) -> ChatDocument:
    """Return a document with placeholders for its messages, and for its top-level ones if they are the visible branch."""
    parts, history = document.parts, document.history
    if tree.bodies and (history or {}).get("messages") != PLACEHOLDER:
        parts, history = (
            parts | {"history": PLACEHOLDER},
            (history or {}) | {"messages": PLACEHOLDER},
        )
    if document.branch and is_branch(document.branch, document.current_id, tree):
        parts = parts | {"messages": PLACEHOLDER}
    return msgspec.structs.replace(document, parts=parts, history=history)


def _extra_texts(title: str, document: ChatDocument) -> str:
    """Return the searchable text besides the messages of the history: the title, and messages that are only in the top-level list."""
    if document.parts.get("messages", PLACEHOLDER) == PLACEHOLDER:
        return title
    return "\n".join([title, *(read_message(one).text for one in document.branch or ())])
