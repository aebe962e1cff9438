"""Writing chats: the chat, its messages and what can be searched for, in the transaction that is open.

Only rows that change are written. The document comes back as it is then, put together from what is at hand.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from portico_chats.content.documents import (
    HOLE,
    Document,
    inlined,
    refuse_long_ids,
    take_apart,
    too_long_ids,
)
from portico_chats.content.frames import Frame, framed
from portico_chats.content.messages import facts_of
from portico_chats.content.trees import Author, Tree, goes_on, is_branch, merge
from portico_chats.off_loop import off_loop
from portico_chats.search import texts
from portico_chats.storage import message_rows, store
from portico_chats.storage.whole import filled

Row = dict[str, Any]
#: Tells the last revision of a chat that was shown to a sign-in.
SeenOf = Callable[[str, str], Awaitable[int]]


class Written(msgspec.Struct, frozen=True):
    """A chat as it is now: its document, also taken apart; and the ids of the messages that were deleted."""

    document: str
    frame: Frame
    bodies: Mapping[str, str]
    gone: Sequence[str] = ()


async def plant(row: Row, document: Document, origin: str) -> Written:
    """A new chat. `row`: see `store.insert`. `origin`: the sign-in it comes through."""
    size = document.size
    document, tree, frame = await off_loop(size, _planned, document, origin)
    await store.insert(row, frame)
    await _write_new(row, document, tree)
    return Written(await off_loop(size, filled, frame, tree), frame, tree.bodies)


async def unpack(row: Row) -> None:
    """Give the messages of a chat that is one document, in the column `chat`, rows of their own."""
    document = take_apart(row["chat"])
    if too_long_ids(document):
        return
    document, tree, frame = _planned(document, "")
    await store.keep(row["id"], row["title"], frame)
    await _write_new(row, document, tree)


def _planned(document: Document, origin: str) -> tuple[Document, Tree, Frame]:
    if too_long_ids(document):
        document = inlined(document)
    tree = merge({}, document.messages or {}, Author(origin), 1)
    document = _settled(document, tree)
    return document, tree, framed(document)


async def graft(
    taken: Row,
    changes: Document,
    origin: str,
    seen_of: SeenOf,
    known: Written | None = None,
) -> Written:
    """Lay top-level keys over a chat that was taken, which gets its new title. `known`: the chat as it was before."""
    chat_id = taken["id"]
    bodies = known.bodies if known else await message_rows.bodies(chat_id)
    before = store.frame_of(taken)
    base = await off_loop(len(before.text), before.document)
    tree = Tree(bodies)
    inside = before.messages_inside()
    too_long = too_long_ids(changes)
    if any(one not in (inside or {}) for one in too_long):
        raise refuse_long_ids()
    left_out: list[str] = []
    if "history" in changes.parts:
        left_out = [one for one in inside or () if one not in (changes.messages or {})]
    if too_long:
        changes = inlined(changes)
    elif "history" in changes.parts:
        tree = await _grown(taken, bodies, changes.messages or {}, origin, seen_of)
    size = changes.size + len(before.text) + sum(map(len, bodies.values()))
    document = await off_loop(size, _laid_over, base, changes, tree)
    title = taken["title"] if changes.title is None else changes.title
    after = await off_loop(size, framed, document)
    if after != before or title != taken["title"]:
        await store.keep(chat_id, title, after)
    await message_rows.write(chat_id, tree.written, tree.facts, taken["updated_at"])
    await message_rows.delete(chat_id, tree.gone, taken["updated_at"])
    loose = await off_loop(size, _loose, title, document)
    was_loose = await off_loop(size, _loose, taken["title"], base)
    # What can be searched for of a document that is whole was never written.
    titles = {texts.TITLE: loose} if loose != was_loose or inside is not None else {}
    await _rewrite(taken, bodies, tree, titles)
    taken["title"] = title
    if known and after == before and tree.bodies is bodies:
        return known
    gone = [*tree.gone, *left_out]
    return Written(await off_loop(size, filled, after, tree), after, tree.bodies, gone)


def says_nothing_new(known: Written, changes: Document) -> bool:
    """Whether a chat is, to the letter, what it would be with these top-level keys laid over it."""
    if "history" in changes.parts:
        posted = changes.messages or {}
        if posted != known.bodies or not goes_on(known.bodies, posted):
            return False
    document = _laid_over(known.frame.document(), changes, Tree(known.bodies))
    return framed(document) == known.frame


async def _grown(
    taken: Row, bodies: Mapping[str, str], posted: Mapping[str, str], origin: str, seen_of: SeenOf
) -> Tree:
    """The tree of a chat after somebody has sent theirs. Reads no more rows than it has to."""
    chat_id, revision = taken["id"], taken["revision"]
    if goes_on(bodies, posted):
        if posted == bodies:
            return Tree(bodies)
        new = {one: body for one, body in posted.items() if bodies.get(one) != body}
        rows = await message_rows.some(chat_id, [one for one in new if one in bodies])
        end = await message_rows.end(chat_id) if len(posted) > len(bodies) else 0
        size = sum(map(len, new.values()))
        tree = await off_loop(size, merge, rows, new, Author(origin), revision, end)
        return msgspec.structs.replace(tree, bodies=posted)
    omits = any(one not in posted for one in bodies)
    author = Author(origin, await seen_of(chat_id, origin) if omits else 0)
    stored = await message_rows.of(chat_id)
    size = sum(map(len, posted.values())) + sum(map(len, bodies.values()))
    return await off_loop(size, merge, stored, posted, author, revision)


async def _write_new(row: Row, document: Document, tree: Tree) -> None:
    await message_rows.write(row["id"], tree.written, tree.facts, row["updated_at"])
    said = {message_id: facts.text for message_id, facts in tree.facts.items()}
    title = {texts.TITLE: await off_loop(document.size, _loose, row["title"], document)}
    await texts.add(row["user_id"], row["id"], title | said)


async def _rewrite(
    taken: Row, bodies: Mapping[str, str], tree: Tree, titles: Mapping[str, str]
) -> None:
    """Keep what can be searched for in step with a tree: only texts that differ."""
    size = sum(len(bodies[one]) for one in tree.facts if one in bodies)
    new, other = await off_loop(size, _texts, bodies, tree)
    await texts.drop(taken["id"], [*tree.gone, *other, *titles])
    await texts.add(taken["user_id"], taken["id"], new | other | dict(titles))


def _texts(bodies: Mapping[str, str], tree: Tree) -> tuple[dict[str, str], dict[str, str]]:
    """The texts of messages that are new, and those of others whose text has changed."""
    new = {one: facts.text for one, facts in tree.facts.items() if one not in bodies}
    other = {
        one: facts.text
        for one, facts in tree.facts.items()
        if one in bodies and facts_of(bodies[one]).text != facts.text
    }
    return new, other


def _laid_over(base: Document, changes: Document, tree: Tree) -> Document:
    """A document with other top-level keys laid over it, which has these messages then."""
    if "history" in changes.parts:
        base = msgspec.structs.replace(base, history=changes.history, current_id=changes.current_id)
    return _settled(
        msgspec.structs.replace(
            base,
            parts=base.parts | changes.parts,
            branch=changes.branch if "messages" in changes.parts else base.branch,
        ),
        tree,
    )


def _settled(document: Document, tree: Tree) -> Document:
    """A document with a place for its messages, and for its top-level ones if they are the visible branch."""
    parts, history = document.parts, document.history
    if tree.bodies and (history or {}).get("messages") != HOLE:
        parts, history = parts | {"history": HOLE}, (history or {}) | {"messages": HOLE}
    if document.branch and is_branch(document.branch, document.current_id, tree):
        parts = parts | {"messages": HOLE}
    return msgspec.structs.replace(document, parts=parts, history=history)


def _loose(title: str, document: Document) -> str:
    """What can be searched for besides the messages of the history: the title, and messages that are only listed."""
    if document.parts.get("messages", HOLE) == HOLE:
        return title
    return "\n".join([title, *(facts_of(one).text for one in document.branch or ())])
