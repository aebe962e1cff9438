"""Reads the branch of one message: the messages above it, and not the whole chat."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api.db import fetch_all
from portico_chats.content.message_body import read_message
from portico_chats.content.message_tree import branch
from portico_chats.storage import chat_queries

#: Messages of a branch that are counted: clients may send a tree with a cycle.
MAX_BRANCH_MESSAGES: Final = 2000

_BRANCH: Final = (
    "WITH RECURSIVE branch (id, parent_id, depth) AS ("  # noqa: S608 - a number alone
    "SELECT id, parent_id, 0 FROM chats_message WHERE chat_id = $1 AND id = $2 UNION ALL "
    "SELECT m.id, m.parent_id, b.depth + 1 FROM branch b JOIN chats_message m ON m.chat_id = $1 AND m.id = b.parent_id "
    f"WHERE b.depth < {MAX_BRANCH_MESSAGES}) "
    "SELECT b.depth, m.body FROM branch b JOIN chats_message m ON m.chat_id = $1 AND m.id = b.id "
    "WHERE b.depth < $3 OR b.depth = (SELECT MAX(depth) FROM branch) ORDER BY b.depth DESC"
)


class StoredBranch(msgspec.Struct, frozen=True):
    """The first and the last messages of a branch. `length`: of the whole. `bodies`: the last ones, in order."""

    length: int
    first: str
    bodies: list[str]


async def branch_of(chat_id: str, message_id: str, limit: int) -> StoredBranch | None:
    """Return the branch that ends with a message, with its last `limit` messages; None if there is no such message."""
    found = await fetch_all(_BRANCH, chat_id, message_id, limit)
    if not found:
        return await _inlined(chat_id, message_id, limit)
    last = [row["body"] for row in found if row["depth"] < limit]
    return StoredBranch(found[0]["depth"] + 1, found[0]["body"], last)


async def _inlined(chat_id: str, message_id: str, limit: int) -> StoredBranch | None:
    """The same of a document in one piece, see `ChatSkeleton.messages_inside`."""
    row: dict[str, Any] | None = await chat_queries.find_skeleton_row(chat_id)
    inside: Mapping[str, str] = {}
    if row is not None:
        inside = chat_queries.skeleton_of_row(row).messages_inside() or {}
    if message_id not in inside:
        return None
    ids = list(branch(message_id, lambda one: read_message(inside[one]).parent_id))
    bodies = [inside[one] for one in reversed(ids)]
    return StoredBranch(len(bodies), bodies[0], bodies[-limit:])
