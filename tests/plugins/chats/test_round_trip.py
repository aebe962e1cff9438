"""Clients read back what they save, and two clients that save at once lose nothing."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.effort import examples

from portico.testing import Client

CHATS = "/api/v1/chats/"


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """Raises the limit of sign-ins for Ann."""
    return env | {"PORTICO_RATE_LIMITS_ENABLED": "false"}


with_app = settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

# All JSON that a database can store: every script, no NUL, no lone surrogates.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
NUMBER = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
VALUE = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ID = st.uuids().map(str) | TEXT


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a history: deep or flat, with cycles and orphans, and unknown keys."""
    ids = draw(st.lists(ID, unique=True, max_size=8))
    messages = {}
    for message_id in ids:
        known = {
            "id": message_id,
            "parentId": draw(st.none() | st.sampled_from(ids) | ID),
            "childrenIds": draw(st.lists(st.sampled_from(ids), max_size=3)),
            "role": draw(st.sampled_from(["user", "assistant"]) | TEXT),
            "content": draw(TEXT | VALUE),
        }
        keys = draw(st.lists(st.sampled_from(list(known)), unique=True))
        messages[message_id] = draw(st.dictionaries(TEXT, VALUE, max_size=2)) | {
            key: known[key] for key in keys
        }
    current = draw(st.none() | (st.sampled_from(ids) if ids else st.none()) | TEXT)
    more = draw(st.dictionaries(TEXT, VALUE, max_size=2))
    return more | {"messages": messages, "currentId": current}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    history = draw(trees())
    listed = draw(st.lists(st.sampled_from(list(history["messages"].values()) or [{}]), max_size=3))
    rest = draw(st.dictionaries(TEXT.filter(lambda key: key != "title"), VALUE, max_size=3))
    return rest | {"history": history, "messages": listed}


def same(left: object, right: object) -> bool:
    """Return whether two values are equal, ignoring the order of keys and the kind of numbers."""
    return json.dumps(left) == json.dumps(right)


@with_app
@given(documents(), documents(), st.booleans())
def test_saved_documents_are_read_back(
    ann: Client, first: dict[str, Any], second: dict[str, Any], escaped: bool
) -> None:
    def body(document: dict[str, Any]) -> bytes:
        return json.dumps({"chat": document}, ensure_ascii=escaped).encode()

    made = ann.post(CHATS + "new", body=body(first))
    assert made.status == 200, made
    path = CHATS + made.json["id"]
    assert same(made.json["chat"], first)
    assert same(ann.get(path).json["chat"], first)

    saved = ann.post(path, body=body(second)).json["chat"]

    assert same(saved["history"], second["history"])
    assert same(ann.get(path).json["chat"], saved)
    assert {**first, **second} == saved


@with_app
@given(st.lists(st.tuples(st.integers(0, 1), st.booleans(), st.integers(0, 30)), max_size=10))
def test_two_windows_lose_no_messages_over_http(
    ann: Client, steps: list[tuple[int, bool, int]]
) -> None:
    root = {"id": "root", "parentId": None, "childrenIds": [], "content": "Hi"}
    history = {"messages": {"root": root}, "currentId": "root"}
    chat_id = ann.post(CHATS + "new", {"chat": {"history": history}}).json["id"]
    windows = [ann, Client(ann.transport).sign_in("Ann")]
    trees: list[dict[str, Any]] = [{"root": dict(root)}, {"root": dict(root)}]
    written, deleted = {"root"}, set()

    for number, (which, deletes, choice) in enumerate(steps):
        tree = trees[which]
        ids = list(tree)
        if deletes and len(ids) > 1:
            leaves = [one for one in ids[1:] if not tree[one]["childrenIds"]]
            gone = leaves[choice % len(leaves)]
            parent = tree.pop(gone)["parentId"]
            children = [one for one in tree[parent]["childrenIds"] if one != gone]
            tree[parent] = tree[parent] | {"childrenIds": children}
            deleted.add(gone)
        else:
            parent, child = ids[choice % len(ids)], f"m{number}"
            tree[parent] = tree[parent] | {"childrenIds": [*tree[parent]["childrenIds"], child]}
            tree[child] = {"id": child, "parentId": parent, "childrenIds": [], "content": child}
            written.add(child)
        form = {"chat": {"history": {"messages": tree, "currentId": ids[0]}}}
        assert windows[which].post(CHATS + chat_id, form).status == 200

    kept = ann.get(CHATS + chat_id).json["chat"]["history"]["messages"]
    assert set(kept) == written - deleted
    for one, message in kept.items():
        if message["parentId"] is not None:
            assert one in kept[message["parentId"]]["childrenIds"]
