"""The tree of messages: walked from its leaves, and merged where two have written to it.

Clients send the whole tree, as they know it. A message that is missing from one is deleted only if whoever sent it can
have known of it; else somebody else has written it meanwhile, and it stays.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from portico_chats.content.message_body import (
    MessageFields,
    read_message,
    with_children,
    with_fields,
)

#: Room between two messages, for those that come between.
POSITION_STEP = 1024


class StoredMessage(msgspec.Struct, frozen=True):
    """A message as it is stored.

    `since`: the revision of the chat that brought it. `knew`: the revision that whoever brought it had seen.
    `origin`: the sign-in it came through; "" = the server's own.
    """

    position: int
    parent_id: str | None
    since: int
    knew: int
    origin: str
    body: str


class TreeSender(msgspec.Struct, frozen=True):
    """Who sends a tree. `origin`: their sign-in. `seen`: the last revision of the chat that was shown to it."""

    origin: str
    seen: int = 0


class MessageTree(msgspec.Struct, frozen=True):
    """The messages of a chat by id, in order, and what has to be written so that they are stored.

    `written`: rows that are new or changed, with their `facts`. `gone`: ids.
    """

    bodies: Mapping[str, str]
    written: Mapping[str, StoredMessage] = {}
    facts: Mapping[str, MessageFields] = {}
    gone: Sequence[str] = ()

    def parent_of(self, message_id: str) -> str | None:
        """For `branch`. Raises: KeyError."""
        facts = self.facts.get(message_id) or read_message(self.bodies[message_id])
        return facts.parent_id


def branch(current_id: str | None, parent_of: Callable[[str], str | None]) -> Iterator[str]:
    """The ids from a message up to its root.

    It ends at a message of which `parent_of` knows nothing (KeyError), and where a ring closes.
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
    """Whether a list of messages is, to the letter, the branch that ends at the current one."""
    ids = list(branch(current_id, tree.parent_of))
    return len(ids) == len(listed) and all(
        tree.bodies[message_id] == body
        for message_id, body in zip(reversed(ids), listed, strict=True)
    )


def is_append_only(bodies: Mapping[str, str], posted: Mapping[str, str]) -> bool:
    """Whether a tree that was sent has all messages of another, in their order, and new ones only after them."""
    return len(posted) >= len(bodies) and all(map(operator.eq, bodies, posted))


def merge(
    stored: Mapping[str, StoredMessage],
    posted: Mapping[str, str],
    author: TreeSender,
    revision: int,
    end: int | None = None,
) -> MessageTree:
    """What becomes of a stored tree when somebody sends theirs. `revision`: the one that this makes.

    Of a message that both have, what is sent wins. A message that stays although it was not sent hangs where it did,
    or on the next one above that is left. Of a tree that goes on, `stored` and `posted` may be only what differs; `end`
    is then the place of the last message.
    """
    missing = [message_id for message_id in stored if message_id not in posted]
    known = _WasVisible(stored, posted, author) if missing else None
    gone = {one for one in missing if known and known(stored[one])}
    strays = {one: stored[one].body for one in missing if one not in gone}
    bodies = _reattach(strays, stored, posted) if strays else posted
    knew = known.up_to if known and strays else revision - 1
    positions = _positions(stored, posted, end)
    positions.update((one, stored[one].position) for one in strays)

    written: dict[str, StoredMessage] = {}
    facts: dict[str, MessageFields] = {}
    for message_id, body in bodies.items():
        was = stored.get(message_id)
        position = positions[message_id]
        if was and was.body == body and was.position == position:
            continue
        fact = facts[message_id] = read_message(body)
        since = (was.since, was.knew, was.origin) if was else (revision, knew, author.origin)
        written[message_id] = StoredMessage(position, fact.parent_id, *since, body)
    order = sorted(bodies, key=lambda one: (positions[one], one)) if strays else bodies
    return MessageTree({one: bodies[one] for one in order}, written, facts, sorted(gone))


class _WasVisible:  # noqa: N801 - called like the function it is
    """Whether whoever sent a tree can have known of a stored message that is not in it.

    They do if it was there from the beginning; if somebody who had seen it wrote one of the messages they sent, or
    wrote it together with one of them; or if they read it later, which a message of somebody else's shows. What the
    sign-in was shown or wrote itself counts as well, unless something new is sent: then a second window of the same
    sign-in may be at work, and to keep a message is better than to lose one.
    """

    def __init__(
        self, stored: Mapping[str, StoredMessage], posted: Mapping[str, str], author: TreeSender
    ) -> None:
        shared = [stored[message_id] for message_id in posted if message_id in stored]
        self._author = author
        self._adds = len(shared) < len(posted)
        self._with = {kept.since for kept in shared}
        read = (kept.since for kept in shared if kept.origin not in ("", author.origin))
        #: The revision that they must have seen.
        self.up_to = max([1, *(kept.knew for kept in shared), *read])

    def __call__(self, kept: StoredMessage) -> bool:
        if kept.since <= self.up_to or kept.since in self._with:
            return True
        author = self._author
        return not self._adds and (kept.origin == author.origin or kept.since <= author.seen)


def _reattach(
    strays: Mapping[str, str], stored: Mapping[str, StoredMessage], posted: Mapping[str, str]
) -> dict[str, str]:
    """All messages, those that stay included, every one of which is a child of its parent."""
    bodies = {**posted, **strays}
    for message_id in strays:
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
    """Places that put messages in the order they were sent in, and move as few as possible of those stored."""
    if end is None:
        end = max((kept.position for kept in stored.values()), default=0)
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
