"""Writes of one message of a chat, in the open transaction.

The cost does not depend on the number of other messages. A message that does not exist is created whole, with its
place in the tree, or not at all.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from portico.api import InvalidRequest
from portico_chats.content.chat_document import (
    MAX_MESSAGE_ID_CHARS,
    PLACEHOLDER,
    Parts,
    as_json,
    is_message_id,
    join_object,
    parse_document,
    split_object,
)
from portico_chats.content.message_body import read_message, with_children
from portico_chats.content.message_tree import POSITION_STEP, StoredMessage, new_row
from portico_chats.content.skeleton import ChatSkeleton, skeleton_of
from portico_chats.storage import chat_queries, indexed_texts, message_queries

Row = dict[str, Any]

ID_RULE: Final = (
    f"A message id has at most {MAX_MESSAGE_ID_CHARS} characters, without NUL and lone surrogates."
)


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """How to create a message.

    `role`: None = `assistant` below a user's message, else `user`. `parent_id`: None = the current message of the
    chat. `is_done`: whether an assistant's message is marked as complete.
    """

    role: str | None = None
    parent_id: str | None = None
    is_done: bool = False


async def update_message(
    locked: Row,
    message_id: str,
    change: Callable[[Parts], Mapping[str, Any]],
    session_id: str,
    new: NewMessage | None,
    *,
    make_current: bool = True,
) -> bool:
    """Replace fields of one message of a locked chat, and make it the current one unless `make_current` is False.

    `change`: returns the fields, given the message's parts. `new`: how to create the message if it does not exist;
    None = do not create it. Returns whether the message was written: a deleted one is not created again.
    """
    chat_id, before = locked["id"], chat_queries.skeleton_of_row(locked)
    if (inside := before.messages_inside()) is not None:
        return await _update_inlined(
            locked, dict(inside), message_id, change, new, make_current=make_current
        )
    was = (await message_queries.some(chat_id, [message_id])).get(message_id)
    if was is not None:
        parts = split_object(was.body)
        await _change(locked, message_id, was, _merged(parts, change(parts)))
    elif new is None or await message_queries.was_deleted(chat_id, message_id):
        return False
    else:
        await _create(locked, message_id, new, change({}), session_id)
    after = _with_current(before, message_id) if make_current else before
    if after != before:
        await chat_queries.update(chat_id, locked["title"], after)
    return True


async def _change(locked: Row, message_id: str, was: StoredMessage, body: str) -> None:
    if body == was.body:
        return
    row = was.with_body(body)
    await message_queries.write(locked["id"], {message_id: row}, locked["updated_at"])
    if read_message(was.body).text != row.text:
        await indexed_texts.put(locked["user_id"], locked["id"], {message_id: row.text})


async def _create(
    locked: Row, message_id: str, new: NewMessage, fields: Mapping[str, Any], session_id: str
) -> None:
    """Insert a whole message at the end of the chat, and name it among the children of its parent."""
    chat_id, at = locked["id"], locked["updated_at"]
    wanted = new.parent_id or locked["current_id"]
    above = {} if wanted in (None, message_id) else await message_queries.some(chat_id, [wanted])
    parent = above.get(wanted)
    above_it = parent.body if parent else None
    body = _new_body(message_id, new, wanted=wanted, parent=above_it, at=at, fields=fields)
    position = await message_queries.end(chat_id) + POSITION_STEP
    row = new_row(body, position, locked["revision"], 0, session_id)
    await message_queries.write(chat_id, {message_id: row}, at)
    await indexed_texts.add(locked["user_id"], chat_id, {message_id: row.text})
    if parent is not None:
        await _change(locked, wanted, parent, with_children(parent.body, [message_id]))


def _new_body(
    message_id: str,
    new: NewMessage,
    *,
    wanted: str | None,
    parent: str | None,
    at: int,
    fields: Mapping[str, Any],
) -> str:
    """Return the body of a new message.

    `wanted`: id of its parent. `parent`: body of the parent, None = it does not exist.
    """
    if not is_message_id(message_id):
        raise InvalidRequest(ID_RULE)
    # Clients name parents that they have yet to send.
    parent_id = wanted if parent or (new.parent_id and wanted != message_id) else None
    is_answer = parent is not None and read_message(parent).role == "user"
    role = new.role or ("assistant" if is_answer else "user")
    whole: dict[str, Any] = {
        "id": message_id,
        "parentId": parent_id,
        "childrenIds": [],
        "role": role,
        "content": "",
    }
    if role == "assistant" and new.is_done:
        whole["done"] = True
    return _merged({}, whole | {"timestamp": at, **fields})


async def _update_inlined(
    locked: Row,
    messages: Parts,
    message_id: str,
    change: Callable[[Parts], Mapping[str, Any]],
    new: NewMessage | None,
    *,
    make_current: bool,
) -> bool:
    """The same in a document in one piece, which is written as a whole. See `ChatSkeleton.messages_inside`."""
    if not messages:  # the messages cannot be read
        return False
    document = parse_document(chat_queries.skeleton_of_row(locked).text)
    if message_id in messages:
        parts = split_object(messages[message_id])
        messages[message_id] = _merged(parts, change(parts))
    elif new is None:
        return False
    else:
        wanted = new.parent_id or document.current_id
        parent = messages.get(wanted) if wanted and wanted != message_id else None
        at, fields = locked["updated_at"], change({})
        messages[message_id] = _new_body(
            message_id, new, wanted=wanted, parent=parent, at=at, fields=fields
        )
        if parent is not None and wanted is not None:
            messages[wanted] = with_children(parent, [message_id])
    history = (document.history or {}) | {"messages": join_object(messages)}
    if make_current:
        history |= {"currentId": as_json(message_id)}
    text = join_object(document.parts | {"history": join_object(history)})
    await chat_queries.update(locked["id"], locked["title"], ChatSkeleton(text))
    return True


def _merged(parts: Parts, fields: Mapping[str, Any]) -> str:
    return join_object(parts | {key: as_json(value) for key, value in fields.items()})


def _with_current(skeleton: ChatSkeleton, message_id: str) -> ChatSkeleton:
    """Return a skeleton with a place for messages, whose current message is this one."""
    if skeleton.current_id == message_id and skeleton.messages_offset is not None:
        return skeleton
    document = skeleton.document()
    history = {"messages": PLACEHOLDER} | (document.history or {})
    history |= {"messages": PLACEHOLDER, "currentId": as_json(message_id)}
    return skeleton_of(
        msgspec.structs.replace(
            document,
            parts=document.parts | {"history": PLACEHOLDER},
            history=history,
            current_id=message_id,
        )
    )
