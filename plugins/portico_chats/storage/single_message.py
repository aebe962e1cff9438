"""Writing one message of a chat, in the transaction that is open.

What it costs does not depend on how many others there are. A message that is not there is made whole, with its place in
the tree, or not at all.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from portico_chats.content.documents import HOLE, Parts, as_json, joined, parts_of
from portico_chats.content.frames import Frame, framed
from portico_chats.content.messages import facts_of, with_children
from portico_chats.content.trees import GAP, Kept
from portico_chats.search import texts
from portico_chats.storage import message_rows, store

Row = dict[str, Any]


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a message is like if it has to be made.

    `role`: None = the answer to a user's message is an assistant's, any other message is a user's. `parent_id`: None =
    the current message of the chat. `is_done`: an assistant's message says that it is complete.
    """

    role: str | None = None
    parent_id: str | None = None
    is_done: bool = False


async def note(
    taken: Row,
    message_id: str,
    change: Callable[[Parts], Mapping[str, Any]],
    origin: str,
    new: NewMessage | None,
) -> bool:
    """Lay fields over one message of a chat that was taken; it becomes the current one.

    `change`: tells the fields, given the message's parts. `new`: how to make the message if it is not there; None = do
    not make it. Returns whether the message was written: one that was deleted is not made again.
    """
    chat_id = taken["id"]
    was = (await message_rows.some(chat_id, [message_id])).get(message_id)
    if was is not None:
        parts = parts_of(was.body)
        await _change(taken, message_id, was, _laid_over(parts, change(parts)))
    elif new is None or await message_rows.was_deleted(chat_id, message_id):
        return False
    else:
        await _make(taken, message_id, new, change({}), origin)
    before = store.frame_of(taken)
    after = _pointing(before, message_id)
    if after != before:
        await store.keep(chat_id, taken["title"], after)
    return True


async def _change(taken: Row, message_id: str, was: Kept, body: str) -> None:
    if body == was.body:
        return
    facts = facts_of(body)
    kept = msgspec.structs.replace(was, parent_id=facts.parent_id, body=body)
    await message_rows.write(
        taken["id"], {message_id: kept}, {message_id: facts}, taken["updated_at"]
    )
    if facts_of(was.body).text != facts.text:
        await texts.put(taken["user_id"], taken["id"], {message_id: facts.text})


async def _make(
    taken: Row, message_id: str, new: NewMessage, fields: Mapping[str, Any], origin: str
) -> None:
    """Write a whole message at the end of the chat, and name it among the children of its parent."""
    chat_id, at = taken["id"], taken["updated_at"]
    wanted = new.parent_id or taken["current_id"]
    above = {} if wanted in (None, message_id) else await message_rows.some(chat_id, [wanted])
    parent = above.get(wanted)
    # Clients name parents that they have yet to send.
    parent_id = wanted if parent or (new.parent_id and wanted != message_id) else None
    role = new.role or _reply_role(parent)
    whole: dict[str, Any] = {
        "id": message_id,
        "parentId": parent_id,
        "childrenIds": [],
        "role": role,
        "content": "",
    }
    if role == "assistant" and new.is_done:
        whole["done"] = True
    body = _laid_over({}, whole | {"timestamp": at, **fields})
    facts = facts_of(body)
    position = await message_rows.end(chat_id) + GAP
    kept = Kept(position, facts.parent_id, taken["revision"], 0, origin, body)
    await message_rows.write(chat_id, {message_id: kept}, {message_id: facts}, at)
    await texts.add(taken["user_id"], chat_id, {message_id: facts.text})
    if parent is not None:
        await _change(taken, wanted, parent, with_children(parent.body, [message_id]))


def _reply_role(parent: Kept | None) -> str:
    return "assistant" if parent and facts_of(parent.body).role == "user" else "user"


def _laid_over(parts: Parts, fields: Mapping[str, Any]) -> str:
    return joined(parts | {key: as_json(value) for key, value in fields.items()})


def _pointing(frame: Frame, message_id: str) -> Frame:
    """A frame with a place for messages, whose current one is this."""
    if frame.current_id == message_id and frame.messages_at is not None:
        return frame
    document = frame.document()
    history = {"messages": HOLE} | (document.history or {})
    history |= {"messages": HOLE, "currentId": as_json(message_id)}
    return framed(
        msgspec.structs.replace(
            document,
            parts=document.parts | {"history": HOLE},
            history=history,
            current_id=message_id,
        )
    )
