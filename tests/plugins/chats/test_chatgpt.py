"""Conversations of ChatGPT exports: tree, roles, text and times."""

import json
from typing import Any

import msgspec
import pytest

from portico.api import ValidationError
from portico.testing import Client
from portico_chats.transfer import chatgpt
from portico_chats.transfer.imported_chat import parse_chat


def node(
    node_id: str, parent: str | None, role: str = "user", text: Any = None, **message: Any
) -> dict[str, Any]:
    """Return a node. `text`: a text, a whole content, or None for a node without a message."""
    if text is None:
        return {"id": node_id, "message": None, "parent": parent, "children": []}
    content = {"content_type": "text", "parts": [text]} if isinstance(text, str) else text
    author = {"role": role, "name": None, "metadata": {}}
    whole = {"id": node_id, "author": author, "create_time": 1_700_000_000.6, "content": content}
    return {"id": node_id, "message": whole | message, "parent": parent, "children": []}


def conversation(*nodes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "title": "Rain",
        "create_time": 1_700_000_000.5,
        "update_time": 1_700_000_009.5,
        "mapping": {one["id"]: one for one in nodes},
        "current_node": nodes[-1]["id"],
        "conversation_id": "x",
    } | changes


def converted(*nodes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    found = chatgpt.convert(json.dumps(conversation(*nodes, **changes)).encode())
    return dict(json.loads(found.row)["chat"])


def messages(*nodes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return dict(converted(*nodes, **changes)["history"]["messages"])


def test_conversion_keeps_branches_roles_models_and_times(ann: Client) -> None:
    sent = conversation(
        node("r", None),
        node("s", "r", "system", ""),
        node("q", "s", "user", "why"),
        node("a", "q", "assistant", "because", metadata={"model_slug": "gpt-4o"}),
        node("b", "q", "assistant", "it rains"),
        current_node="a",
        default_model_slug="gpt-4",
        is_archived=True,
    )

    (found,) = ann.post("/api/v1/chats/import", [sent]).json

    chat = found["chat"]
    assert (found["title"], found["archived"]) == ("Rain", True)
    assert (found["created_at"], found["updated_at"]) == (1_700_000_000, 1_700_000_009)
    assert chat["history"]["currentId"] == "a"
    assert [one["id"] for one in chat["messages"]] == ["q", "a"]
    assert sorted(chat["models"]) == ["gpt-4", "gpt-4o"]
    text = chat["history"]["messages"]
    assert text["q"] == {
        "id": "q",
        "role": "user",
        "content": "why",
        "timestamp": 1_700_000_000,
        "parentId": None,
        "childrenIds": ["a", "b"],
    }
    assert (text["a"]["role"], text["a"]["parentId"], text["a"]["model"]) == (
        *("assistant", "q"),
        "gpt-4o",
    )
    assert (text["b"]["model"], text["b"]["done"], list(text)) == ("gpt-4", True, ["q", "a", "b"])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"content_type": "text", "parts": ["a", "", "b"]}, "a\n\nb"),
        ({"content_type": "code", "language": "python", "text": "x = 1"}, "```python\nx = 1\n```"),
        ({"content_type": "code", "language": "unknown", "text": "```"}, "````\n```\n````"),
        ({"content_type": "execution_output", "text": "1"}, "```\n1\n```"),
        ({"content_type": "tether_browsing_display", "result": "found"}, "found"),
        ({"content_type": "reasoning_recap", "content": "Thought for 3 s"}, "Thought for 3 s"),
        (
            {"content_type": "thoughts", "thoughts": [{"summary": "A", "content": "b\nc"}]},
            "> A\n\n> b\n> c",
        ),
        ({"content_type": "multimodal_text", "parts": [{"asset_pointer": "file"}, "look"]}, "look"),
        ({"content_type": "multimodal_text", "parts": [{"text": "heard"}]}, "heard"),
        ({"content_type": "of tomorrow", "text": "hello"}, "hello"),
    ],
)
def test_every_content_type_becomes_text(content: dict[str, Any], text: str) -> None:
    assert messages(node("m", None, "assistant", content))["m"]["content"] == text


def test_left_out_parts_are_counted() -> None:
    hidden = node(
        "h", None, "user", "secret", metadata={"is_visually_hidden_from_conversation": True}
    )
    picture = {"content_type": "multimodal_text", "parts": [{"asset_pointer": "file"}, "look"]}
    sent = conversation(hidden, node("m", "h", "user", picture))

    one = parse_chat(json.dumps(sent).encode())

    assert one.left_out == 2
    assert list(one.document.messages or ()) == ["m"]


def test_hidden_current_node_is_replaced_by_its_ancestor() -> None:
    nodes = [node("a", None, text="a"), node("x", "a"), node("y", "x"), node("b", "a", text="b")]
    assert converted(*nodes, current_node="y")["history"]["currentId"] == "a"
    assert converted(*nodes, current_node="absent")["history"]["currentId"] == "b"
    assert converted(*nodes, current_node=None)["history"]["currentId"] == "b"
    assert converted(node("x", None))["history"] == {"messages": {}, "currentId": None}


def test_cycles_and_missing_parents_keep_all_messages() -> None:
    text = messages(
        node("a", "b", text="a"),
        node("b", "a", text="b"),
        node("x", "y"),
        node("y", "x"),
        node("c", "x", text="c"),
        node("d", "absent", text="d"),
        node("e", "e", text="e"),
    )
    assert {one["id"]: one["parentId"] for one in text.values()} == {
        **{"a": "b", "b": "a", "c": None, "d": None, "e": "e"}
    }


def test_long_conversation_is_converted_in_linear_time() -> None:
    """Chains of 30,000 visible and hidden nodes; a quadratic walk would exceed the time limit of a test."""
    hidden = [node(f"h{n}", f"h{n - 1}" if n else None) for n in range(30_000)]
    shown = [node(f"s{n}", f"s{n - 1}" if n else "h29999", text="x") for n in range(30_000)]
    leaves = [node(f"l{n}", "h29999", text="x") for n in range(1000)]
    assert len(converted(*reversed(hidden), *shown, *leaves)["messages"]) == 1


@pytest.mark.parametrize(
    "mapping", [5, [], {"a": 5}, {"a": {"message": 5}}, {"a": {"message": {"author": 5}}}]
)
def test_invalid_mapping_is_refused_with_location(mapping: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        parse_chat(msgspec.json.encode({"title": "x", "mapping": mapping}))
    assert "mapping" in str(refused.value)
