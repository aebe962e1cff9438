"""The tree of messages: branches, and the merge of two versions."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from portico_chats.content.message_tree import (
    MessageTree,
    StoredMessage,
    TreeSender,
    branch,
    is_append_only,
    is_branch,
    merge,
)


def message(parent: str | None = None, *children: str, **more: Any) -> str:
    return json.dumps({"parentId": parent, "childrenIds": children, "role": "user", **more})


class Chat:
    """A stored chat, and clients that each send the tree as they know it."""

    def __init__(self, posted: dict[str, str], origin: str = "ann") -> None:
        self.revision = 0
        self.rows: dict[str, StoredMessage] = {}
        self.post(posted, origin)

    def post(self, posted: dict[str, str], origin: str = "ann", seen: int = 0) -> MessageTree:
        self.revision += 1
        self.tree = merge(self.rows, posted, TreeSender(origin, seen), self.revision)
        self.rows = {one: row for one, row in self.rows.items() if one not in self.tree.deleted_ids}
        self.rows |= self.tree.written
        return self.tree

    @property
    def bodies(self) -> dict[str, str]:
        """Return the bodies as they would be read back."""
        ordered = sorted(self.rows.items(), key=lambda one: (one[1].position, one[0]))
        stored = {one: row.body for one, row in ordered}
        assert list(stored.items()) == list(self.tree.bodies.items())
        return stored

    def read(self, message_id: str) -> dict[str, Any]:
        return dict(json.loads(self.bodies[message_id]))


def test_sent_tree_is_stored_in_order() -> None:
    chat = Chat({"b": message(None, "a"), "a": message("b")})

    assert list(chat.bodies) == ["b", "a"]

    chat.post({"a": message("b"), "c": message("a"), "b": message(None, "a")})

    assert list(chat.bodies) == ["a", "c", "b"]


def test_merge_writes_only_differences() -> None:
    posted = {f"m{n}": message(f"m{n - 1}" if n else None) for n in range(10)}
    chat = Chat(posted)

    tree = chat.post({**posted, "m3": message("m2", text="new"), "m10": message("m9")})

    assert set(tree.written) == {"m3", "m10"}
    assert not tree.deleted_ids


def test_omitting_initial_message_deletes_it() -> None:
    chat = Chat({"q": message(None, "a"), "a": message("q")})

    assert chat.post({"q": message()}).deleted_ids == ["a"]


def test_two_sessions_lose_no_messages() -> None:
    chat = Chat({"q": message()})
    chat.post({"q": message(None, "ann"), "ann": message("q")}, "ann's")
    chat.post({"q": message(None, "bob"), "bob": message("q")}, "bob's")
    chat.post({"q": message(None, "ann"), "ann": message("q", "x"), "x": message("ann")}, "ann's")

    assert set(chat.bodies) == {"q", "ann", "bob", "x"}
    assert set(chat.read("q")["childrenIds"]) == {"ann", "bob"}


def test_two_windows_of_one_session_lose_no_messages() -> None:
    chat = Chat({"q": message()})
    chat.post({"q": message(None, "1"), "1": message("q")}, seen=1)
    chat.post({"q": message(None, "2"), "2": message("q")}, seen=2)
    chat.post({"q": message(None, "2", "3"), "2": message("q"), "3": message("q")}, seen=3)

    assert set(chat.bodies) == {"q", "1", "2", "3"}


def test_omitting_seen_message_deletes_it() -> None:
    chat = Chat({"q": message()})
    chat.post({"q": message(None, "a"), "a": message("q")}, "another")

    assert not chat.post({"q": message()}, seen=1).deleted_ids
    assert chat.read("q")["childrenIds"] == ["a"]
    assert chat.post({"q": message()}, seen=2).deleted_ids == ["a"]


def test_omitting_own_message_deletes_it() -> None:
    chat = Chat({"q": message()})
    chat.post({"q": message(None, "a"), "a": message("q")})

    assert chat.post({"q": message()}).deleted_ids == ["a"]


def test_sending_later_message_implies_knowing_earlier_ones() -> None:
    chat = Chat({"q": message()})
    chat.post({"q": message(None, "a"), "a": message("q")})
    chat.post({"q": message(None, "a"), "a": message("q", "b"), "b": message("a")})
    posted = {"q": message(None, "b", "c"), "b": message("q"), "c": message("q")}

    assert chat.post(posted, "another").deleted_ids == ["a"]


def test_kept_message_moves_to_nearest_ancestor() -> None:
    chat = Chat({"q": message(None, "a"), "a": message("q")})
    chat.post({"q": message(None, "a"), "a": message("q", "deep"), "deep": message("a")}, "another")

    assert chat.post({"q": message()}).deleted_ids == ["a"]
    assert chat.read("deep")["parentId"] == "q"
    assert chat.read("q")["childrenIds"] == ["deep"]


def test_last_write_of_a_message_wins() -> None:
    chat = Chat({"q": message(text="old")})
    chat.post({"q": message(text="ann")}, "ann's")
    chat.post({"q": message(text="bob")}, "bob's")

    assert chat.read("q")["text"] == "bob"


def test_branch_ends_at_cycle_or_missing_parent() -> None:
    ring = {"a": "b", "b": "c", "c": "a"}

    assert list(branch("a", ring.__getitem__)) == ["a", "b", "c"]
    assert list(branch("x", {"x": "gone"}.__getitem__)) == ["x"]
    assert list(branch(None, ring.__getitem__)) == []


def test_is_branch_compares_bytes() -> None:
    q, a = message(None, "a"), message("q")
    tree = Chat({"q": q, "a": a}).tree

    assert is_branch([q, a], "a", tree)
    assert not is_branch([q], "a", tree)
    assert not is_branch([q, a + " "], "a", tree)


IDS = st.sampled_from("abcdefgh")


@given(st.lists(IDS, unique=True), st.lists(IDS, unique=True), st.data())
def test_append_only_merge_needs_only_difference(
    before: list[str], more: list[str], data: st.DataObject
) -> None:
    chat = Chat({one: message() for one in before})
    posted = {one: message(text=data.draw(st.booleans())) for one in [*before, *more]}
    posted = {one: body if "true" in body else message() for one, body in posted.items()}
    assert is_append_only(chat.bodies, posted)
    new = {one: body for one, body in posted.items() if chat.bodies.get(one) != body}
    rows = {one: chat.rows[one] for one in new if one in chat.rows}
    end = max((row.position for row in chat.rows.values()), default=0)

    part, whole = merge(rows, new, TreeSender("ann"), 2, end), chat.post(posted)

    assert (part.written, part.deleted_ids) == (
        whole.written,
        whole.deleted_ids,
    )


@given(st.lists(IDS, unique=True), st.lists(IDS, unique=True))
def test_merge_keeps_any_sent_order(before: list[str], after: list[str]) -> None:
    chat = Chat({one: message() for one in before})
    chat.post({one: message() for one in after})

    assert list(chat.bodies) == after


class Client:
    """A client with a tree of its own that never reads the merged one."""

    def __init__(self, name: str, tree: dict[str, str]) -> None:
        self.name, self.tree, self.count = name, dict(tree), 0

    def add(self, parent: str) -> None:
        child = f"{self.name}{self.count}"
        self.count += 1
        node = json.loads(self.tree[parent])
        node["childrenIds"].append(child)
        self.tree |= {parent: json.dumps(node), child: message(parent)}

    def delete(self, leaf: str) -> None:
        node = json.loads(self.tree.pop(leaf))
        parent = json.loads(self.tree[node["parentId"]])
        parent["childrenIds"].remove(leaf)
        self.tree[node["parentId"]] = json.dumps(parent)


@given(st.data())
def test_alternating_clients_lose_no_messages(
    data: st.DataObject,
) -> None:
    start = {"q": message()}
    chat, deleted = Chat(start), set()
    clients = [Client("ann", start), Client("bob", start)]
    written = {"q"}
    for _ in range(data.draw(st.integers(1, 12))):
        client = data.draw(st.sampled_from(clients))
        leaves = [
            one
            for one, body in client.tree.items()
            if one != "q" and not json.loads(body)["childrenIds"]
        ]
        if leaves and data.draw(st.booleans()):
            leaf = data.draw(st.sampled_from(leaves))
            client.delete(leaf)
            deleted.add(leaf)
        else:
            client.add(data.draw(st.sampled_from(list(client.tree))))
        written |= set(client.tree)
        chat.post(client.tree, client.name)

    assert set(chat.bodies) == written - deleted
    for one, body in chat.bodies.items():
        node = json.loads(body)
        if node["parentId"] is not None:
            assert one in chat.read(node["parentId"])["childrenIds"]
