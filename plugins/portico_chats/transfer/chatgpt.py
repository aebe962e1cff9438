"""Conversion of ChatGPT exports to chats.

Source: `conversations.json` of ChatGPT's data export. A conversation is a `mapping` of nodes by id, each with a
message, its parent and its children; `current_node` is the end of the branch that was shown last. Times are epoch
seconds with fractions. Nodes without visible content are left out, and their children move up.
"""

from typing import Any, Final

import msgspec

from portico.api.json import lenient_decoder
from portico_chats.content.message_tree import branch
from portico_chats.transfer.chatgpt_content import Content, pieces

#: Model of an answer for which the export names none.
UNKNOWN_MODEL: Final = "chatgpt"


class _Author(msgspec.Struct):
    role: str = ""


class _ChatGPTMessage(msgspec.Struct):
    author: _Author | None = None
    content: Content | None = None
    create_time: float | None = None
    metadata: dict[str, Any] | None = None


class _Node(msgspec.Struct):
    message: _ChatGPTMessage | None = None
    parent: str | None = None


class _Conversation(msgspec.Struct):
    mapping: dict[str, _Node]
    title: str | None = None
    current_node: str | None = None
    create_time: float | None = None
    update_time: float | None = None
    default_model_slug: str | None = None
    is_archived: bool | None = None
    is_starred: bool | None = None


class Converted(msgspec.Struct, frozen=True):
    """A conversation as a row of an export. `left_out`: number of hidden messages and attachments that are not in it."""

    row: bytes
    left_out: int


def convert(text: bytes) -> Converted:
    """Convert a conversation to a chat. Raises: msgspec.ValidationError for another shape."""
    one: _Conversation = lenient_decoder(_Conversation).decode(text)
    shown = _VisibleNodes(one.mapping)
    messages = shown.messages(one.default_model_slug or UNKNOWN_MODEL)
    current = shown.nearest(one.current_node) or next(reversed(messages), None)
    ids = list(branch(current, lambda message_id: messages[message_id]["parentId"]))
    document = {
        "title": one.title or "New Chat",
        "models": list({m["model"]: None for m in messages.values() if "model" in m}),
        "history": {"messages": messages, "currentId": current},
        "messages": [messages[message_id] for message_id in reversed(ids)],
    }
    created = one.update_time if one.create_time is None else one.create_time
    row = {
        "chat": document,
        "created_at": _seconds(created),
        "updated_at": _seconds(created if one.update_time is None else one.update_time),
        "archived": one.is_archived,
        "pinned": one.is_starred,
    }
    return Converted(msgspec.json.encode(row), shown.left_out)


class _VisibleNodes:
    """The nodes with visible content. Handles missing parents and cycles; the work is linear."""

    def __init__(self, nodes: dict[str, _Node]) -> None:
        self.left_out = 0
        self._nodes = nodes
        self._contents = {node_id: self._content(node) for node_id, node in nodes.items()}
        self._known: dict[str, str | None] = {}

    def nearest(self, node_id: str | None) -> str | None:
        """Return the node itself if it is visible, else its nearest visible ancestor."""
        passed: list[str] = []
        at = node_id
        while at in self._nodes and not self._contents[at]:
            if at in self._known:
                at = self._known[at]
                break
            self._known[at] = None  # in case of a cycle
            passed.append(at)
            at = self._nodes[at].parent
        found = at if at in self._nodes else None
        self._known |= dict.fromkeys(passed, found)
        return found

    def messages(self, model: str) -> dict[str, dict[str, Any]]:
        """Return the messages by id, in the order of the export. `model`: for answers that name none."""
        parents = {
            node_id: self.nearest(self._nodes[node_id].parent)
            for node_id, text in self._contents.items()
            if text
        }
        children: dict[str, list[str]] = {node_id: [] for node_id in parents}
        for node_id, parent_id in parents.items():
            if parent_id is not None:
                children[parent_id].append(node_id)
        return {
            node_id: self._message(node_id, model)
            | {"parentId": parent_id, "childrenIds": children[node_id]}
            for node_id, parent_id in parents.items()
        }

    def _message(self, node_id: str, model: str) -> dict[str, Any]:
        message = self._nodes[node_id].message or _ChatGPTMessage()
        role = message.author.role if message.author else ""
        found: dict[str, Any] = {
            "id": node_id,
            # The output of tools is part of the answer.
            "role": role if role in ("user", "system") else "assistant",
            "content": self._contents[node_id],
        }
        if message.create_time is not None:
            found["timestamp"] = _seconds(message.create_time)
        if found["role"] == "assistant":
            slug = (message.metadata or {}).get("model_slug")
            named = slug if isinstance(slug, str) and slug else model
            found |= {"model": named, "modelName": named, "done": True}
        return found

    def _content(self, node: _Node) -> str:
        message = node.message
        if message is None or message.content is None:
            return ""
        found = pieces(message.content)
        if (message.metadata or {}).get("is_visually_hidden_from_conversation") is True:
            self.left_out += any(found)
            return ""
        self.left_out += found.count("")
        return "\n\n".join(piece for piece in found if piece.strip())


def _seconds(at: float | None) -> int | None:
    return None if at is None else int(at)
