"""The tree of messages: branches, and the merge of two versions.

Clients send the whole tree as they know it. A message that is missing from it is deleted only if the sender can
have known it; otherwise another client wrote it in the meantime, and it stays.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from portico_chats.content.message_body import (
    read_message,
    with_children,
    with_fields,
    with_finished_reply,
)

#: Distance between the positions of two messages, so that others fit between them.
POSITION_STEP = 1024


class StoredMessage(msgspec.Struct, frozen=True):
    """A message as it is stored.

    `created_revision`: revision of the chat that added it. `known_revision`: last revision that its writer had
    seen. `session_id`: session of its writer; "" = the server.
    """

    position: int
    parent_id: str | None
    created_revision: int
    known_revision: int
    session_id: str
    body: str

    def with_body(self, body: str) -> "MessageRow":
        """Return the row of the same message with another body."""
        return new_row(
            body, self.position, self.created_revision, self.known_revision, self.session_id
        )


class MessageRow(StoredMessage, frozen=True):
    """A message as it is written. `text`: its searchable text."""

    role: str
    text: str


def new_row(
    body: str, position: int, created_revision: int, known_revision: int, session_id: str
) -> MessageRow:
    """Return the row of a message. See `StoredMessage`."""
    fields = read_message(body)
    return MessageRow(
        position,
        fields.parent_id,
        created_revision,
        known_revision,
        session_id,
        body,
        fields.role,
        fields.text,
    )


class TreeSender(msgspec.Struct, frozen=True):
    """The sender of a tree.

    `session_id`: the sender's session. `seen`: last revision of the chat that this session was shown.
    """

    session_id: str
    seen_revision: int = 0


class MessageTree(msgspec.Struct, frozen=True):
    """The messages of a chat by id, in order, and what has to be written.

    `written`: rows that are new or changed. `deleted_ids`: ids of deleted messages.
    """

    bodies: Mapping[str, str]
    written: Mapping[str, MessageRow] = {}
    deleted_ids: Sequence[str] = ()

    def parent_of(self, message_id: str) -> str | None:
        """Return the parent's id, for `branch`. Raises: KeyError."""
        row = self.written.get(message_id)
        return row.parent_id if row else read_message(self.bodies[message_id]).parent_id


def branch(current_id: str | None, parent_of: Callable[[str], str | None]) -> Iterator[str]:
    """Yield the ids from a message up to its root.

    Stops at a message that `parent_of` does not know (KeyError), and at a cycle.
    """
    seen: set[str] = set()
    while current_id is not None and current_id not in seen:
        try:
            parent = parent_of(current_id)
        except KeyError:
            return
        seen.add(current_id)
        yield current_id
        current_id = parent


def is_branch(listed: Sequence[str], current_id: str | None, tree: MessageTree) -> bool:
    """Return whether a list of messages equals, byte for byte, the branch that ends at the current message."""
    ids = list(branch(current_id, tree.parent_of))
    return len(ids) == len(listed) and all(
        tree.bodies[message_id] == body
        for message_id, body in zip(reversed(ids), listed, strict=True)
    )


def is_append_only(bodies: Mapping[str, str], posted: Mapping[str, str]) -> bool:
    """Return whether the sent tree has all stored messages in their order, and new ones only after them."""
    return len(posted) >= len(bodies) and all(map(operator.eq, bodies, posted))


def merge(
    stored: Mapping[str, StoredMessage],
    posted: Mapping[str, str],
    sender: TreeSender,
    revision: int,
    end: int | None = None,
) -> MessageTree:
    """Merge the tree that a client sends into the stored one. `revision`: the new revision of the chat.

    If both have a message, the sent one wins, but see `with_finished_reply`. A message that stays although it was not sent keeps its parent, or
    moves to the nearest ancestor that is left. For an append-only tree `stored` and `posted` may be only the
    difference; `end` is then the position of the last message.
    """
    posted = _with_finished_replies(stored, posted)
    missing = [message_id for message_id in stored if message_id not in posted]
    known = _WasVisible(stored, posted, sender) if missing else None
    deleted = {one for one in missing if known and known(stored[one])}
    remaining = {one: stored[one].body for one in missing if one not in deleted}
    bodies = _reattach(remaining, stored, posted) if remaining else posted
    known_revision = known.up_to if known and remaining else revision - 1
    positions = _positions(stored, posted, end)
    positions.update((one, stored[one].position) for one in remaining)

    written: dict[str, MessageRow] = {}
    for message_id, body in bodies.items():
        was = stored.get(message_id)
        position = positions[message_id]
        if was and was.body == body and was.position == position:
            continue
        written[message_id] = (
            new_row(body, position, was.created_revision, was.known_revision, was.session_id)
            if was
            else new_row(body, position, revision, known_revision, sender.session_id)
        )
    order = sorted(bodies, key=lambda one: (positions[one], one)) if remaining else bodies
    return MessageTree({one: bodies[one] for one in order}, written, sorted(deleted))


def _with_finished_replies(
    stored: Mapping[str, StoredMessage], posted: Mapping[str, str]
) -> Mapping[str, str]:
    changed = {}
    for message_id, was in stored.items():
        body = posted.get(message_id)
        if body is not None and body != was.body:
            replaced = with_finished_reply(body, was.body)
            if replaced is not body:
                changed[message_id] = replaced
    return {**posted, **changed} if changed else posted


class _WasVisible:  # noqa: N801 - called like the function it is
    """Decides whether the sender of a tree can have known a stored message that is missing from it.

    It can if the message was in the first revision; if a user who had seen it wrote one of the sent messages, or
    wrote it together with one of them; or if the sender read it later, which a sent message of another session
    shows. What the session was shown or wrote itself counts as well, unless new messages are sent: then a second
    window of the same session may be active, and keeping a message is better than losing one.
    """

    def __init__(
        self, stored: Mapping[str, StoredMessage], posted: Mapping[str, str], sender: TreeSender
    ) -> None:
        shared = [stored[message_id] for message_id in posted if message_id in stored]
        self._sender = sender
        self._adds = len(shared) < len(posted)
        self._with = {message.created_revision for message in shared}
        read = (
            message.created_revision
            for message in shared
            if message.session_id not in ("", sender.session_id)
        )
        #: The revision that the sender must have seen.
        self.up_to = max([1, *(message.known_revision for message in shared), *read])

    def __call__(self, message: StoredMessage) -> bool:
        if message.created_revision <= self.up_to or message.created_revision in self._with:
            return True
        sender = self._sender
        return not self._adds and (
            message.session_id == sender.session_id
            or message.created_revision <= sender.seen_revision
        )


def _reattach(
    remaining: Mapping[str, str], stored: Mapping[str, StoredMessage], posted: Mapping[str, str]
) -> dict[str, str]:
    """Return all messages, including those that stay, each listed as a child of its parent."""
    bodies = {**posted, **remaining}
    for message_id in remaining:
        above = stored[message_id].parent_id
        if above is None or above not in stored:
            continue
        line = branch(above, lambda one: stored[one].parent_id)
        parent = next((one for one in line if one in bodies), None)
        if parent != above:
            bodies[message_id] = with_fields(bodies[message_id], {"parentId": parent})
        if parent is not None:
            bodies[parent] = with_children(bodies[parent], [message_id])
    return bodies


def _positions(
    stored: Mapping[str, StoredMessage], posted: Mapping[str, str], end: int | None
) -> dict[str, int]:
    """Return positions that keep the sent order and change as few stored positions as possible."""
    if end is None:
        end = max((message.position for message in stored.values()), default=0)
    ahead = sum(message_id in stored for message_id in posted)
    positions: dict[str, int] = {}
    last = 0
    for message_id in posted:
        was = stored.get(message_id)
        if was is not None:
            ahead -= 1
            last = max(was.position, last + 1)
        elif ahead:
            last += 1
        else:
            end = last = max(last, end) + POSITION_STEP
        positions[message_id] = last
    return positions
