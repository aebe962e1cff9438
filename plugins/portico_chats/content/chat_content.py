"""The content of a chat as it is stored, and what a change of it writes.

A document that a client sends (`ChatDocument`) becomes a skeleton and messages, and is rendered from these again.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from portico_chats.content.chat_document import (
    PLACEHOLDER,
    ChatDocument,
    inline_messages,
    render_members,
    too_long_ids,
)
from portico_chats.content.message_body import read_message
from portico_chats.content.message_tree import (
    MessageRow,
    MessageTree,
    TreeSender,
    branch,
    is_append_only,
    is_branch,
    merge,
)
from portico_chats.content.skeleton import ChatSkeleton, skeleton_of

#: The part of a chat with its title and all text that belongs to no message; the other parts are ids of messages.
TITLE_PART: Final = ""


class ChatContent(msgspec.Struct, frozen=True):
    """The content of a chat.

    `skeleton`: its document without the messages. `bodies`: the JSON of each message by id, in order. `branch_ids`:
    the messages that the document lists at its top level, the last one first; None = `render` finds them.
    """

    skeleton: ChatSkeleton
    bodies: Mapping[str, str]
    branch_ids: Sequence[str] | None = None

    @property
    def size(self) -> int:
        """Return how many characters it has."""
        return len(self.skeleton.text) + sum(map(len, self.bodies.values()))

    @classmethod
    def of(cls, skeleton: ChatSkeleton, tree: MessageTree) -> "ChatContent":
        """Return the content with this skeleton and these messages."""
        has_branch = skeleton.branch_offset is not None
        ids = list(branch(skeleton.current_id, tree.parent_of)) if has_branch else ()
        return cls(skeleton, tree.bodies, ids)

    def change(
        self, changes: ChatDocument, tree: MessageTree | None, old_title: str, new_title: str
    ) -> "ContentChange":
        """Replace top-level keys. The new `content` is this object if nothing in it changes.

        `tree`: the messages afterwards, see `merge`; None = those that were sent get no rows.
        """
        base, inside = self.skeleton.document(), self.skeleton.messages_inside()
        left_out: Sequence[str] = ()
        if inside and "history" in changes.parts:
            left_out = [one for one in inside if one not in (changes.messages or ())]
        if tree is None:
            changes, tree = inline_messages(changes), MessageTree(self.bodies)
        document = _merged(base, changes, tree)
        skeleton = skeleton_of(document)
        is_same = skeleton == self.skeleton and tree.bodies is self.bodies
        text, old_text = extra_text(new_title, document), extra_text(old_title, base)
        # The texts of a document in one piece were never written.
        titles = {TITLE_PART: text} if text != old_text or inside is not None else {}
        new, changed = self._texts(tree.written)
        deleted_ids = [*tree.deleted_ids, *left_out]
        return ContentChange(
            self if is_same else ChatContent.of(skeleton, tree),
            tree.written,
            deleted_ids,
            texts=new | changed | titles,
            stale_texts=[*deleted_ids, *changed, *titles],
        )

    def _texts(self, written: Mapping[str, MessageRow]) -> tuple[dict[str, str], dict[str, str]]:
        """Return the texts of new messages, and those of existing messages whose text has changed."""
        new = {one: row.text for one, row in written.items() if one not in self.bodies}
        changed = {
            one: row.text
            for one, row in written.items()
            if one in self.bodies and read_message(self.bodies[one]).text != row.text
        }
        return new, changed

    def is_unchanged(self, changes: ChatDocument) -> bool:
        """Return whether the content would stay the same, byte for byte, with these top-level keys replaced."""
        if "history" in changes.parts:
            posted = changes.messages or {}
            if posted != self.bodies or not is_append_only(self.bodies, posted):
                return False
        document = _merged(self.skeleton.document(), changes, MessageTree(self.bodies))
        return skeleton_of(document) == self.skeleton

    def render(self) -> str:
        """Return the JSON of the document."""
        messages = render_members(self.bodies.items())
        if self.skeleton.branch_offset is None:
            return self.skeleton.render(messages)
        ids = self.branch_ids
        if ids is None:
            ids = list(branch(self.skeleton.current_id, MessageTree(self.bodies).parent_of))
        shown = [self.bodies[one] for one in ids]
        return self.skeleton.render(messages, ",".join(reversed(shown)))


class ContentChange(msgspec.Struct, frozen=True):
    """The content of a chat after a change, and what has to be written.

    `written`: rows of messages that are new or changed. `deleted_ids`: messages that are deleted. `texts`: searchable
    texts to insert, by part. `stale_texts`: parts whose texts are deleted before.
    """

    content: ChatContent
    written: Mapping[str, MessageRow]
    deleted_ids: Sequence[str] = ()
    texts: Mapping[str, str] = {}
    stale_texts: Sequence[str] = ()

    @classmethod
    def create(cls, document: ChatDocument, title: str, session_id: str) -> "ContentChange":
        """Return the content of a new chat. `title`: of the list. `session_id`: the creating session, "" = none."""
        if too_long_ids(document):
            document = inline_messages(document)
        tree = merge({}, document.messages or {}, TreeSender(session_id), 1)
        document = _with_placeholders(document, tree)
        texts = {one: row.text for one, row in tree.written.items()}
        return cls(
            ChatContent.of(skeleton_of(document), tree),
            tree.written,
            texts={TITLE_PART: extra_text(title, document)} | texts,
        )


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


def extra_text(title: str, document: ChatDocument) -> str:
    """Return the searchable text besides the messages of the history: the title, and messages that are only in the top-level list."""
    if document.parts.get("messages", PLACEHOLDER) == PLACEHOLDER:
        return title
    return "\n".join([title, *(read_message(one).text for one in document.branch or ())])
