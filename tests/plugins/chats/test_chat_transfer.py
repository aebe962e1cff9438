"""Chats that move in and out with a whole instance."""

import json
from typing import Any

import pytest
from tests.plugins.chats.conftest import document, new_chat
from tests.record_transfer import export_records, import_records, import_run, notes_of, states

from portico.testing import Client, InProcessApp

pytestmark = pytest.mark.both_databases
CHATS = "/api/v1/chats"
DAY = 1_700_000_000


def message(message_id: str, parent: str | None, **changes: Any) -> dict[str, Any]:
    values = {"id": message_id, "parentId": parent, "childrenIds": [], "role": "user"}
    return values | {"content": f"Text of {message_id}", "timestamp": DAY} | changes


def record(chat_id: str, owner: str = "a", **changes: Any) -> dict[str, Any]:
    """A chat with a branch."""
    tree = {
        "q": message("q", None, childrenIds=["r", "s"]),
        "r": message("r", "q", role="assistant", content="Porto  \u2014 \u00fc"),
        "s": message("s", "q", role="assistant", extra={"b": 1, "a": [1.0, 2e3]}),
    }
    chat = {"title": chat_id, "history": {"messages": tree, "currentId": "r"}, "x": 1.50}
    values = {"id": chat_id, "user_id": owner, "title": chat_id, "chat": chat, "meta": {}}
    return values | {"created_at": DAY, "updated_at": DAY + 5} | changes


def everything(client: Client) -> dict[str, Any]:
    """Return all chats of an account as it reads them, with the names of their tags."""
    found = {}
    for one in client.get(f"{CHATS}/all").json + client.get(f"{CHATS}/all/archived").json:
        tags = client.get(f"{CHATS}/{one['id']}/tags").json
        found[one["id"]] = client.get(f"{CHATS}/{one['id']}").json | {"tags": tags}
    return found


def fill(ann: Client) -> None:
    """Give an account one chat of each sort."""
    folder = ann.post("/api/v1/folders/", {"name": "Trips"}).json["id"]
    plain, pinned, archived, shared, placed = (new_chat(ann, title=str(n))["id"] for n in range(5))
    ann.post(f"{CHATS}/{plain}/tags", {"name": "Travel plans"})
    assert ann.post(f"{CHATS}/{pinned}/pin").status == 200
    assert ann.post(f"{CHATS}/{archived}/archive").status == 200
    assert ann.post(f"{CHATS}/{shared}/share").status == 200
    assert ann.post(f"{CHATS}/{placed}/folder", {"folder_id": folder}).status == 200


def test_export_and_import_give_the_same_chats(
    app: InProcessApp, admin: Client, ann: Client, bob: Client
) -> None:
    fill(ann)
    new_chat(bob, title="Bob's")
    before = everything(ann)
    (share_id,) = (one["share_id"] for one in before.values() if one["share_id"])
    shared = bob.get(f"{CHATS}/share/{share_id}").json
    exported = export_records(app, "chats", ann)
    assert {one["id"] for one in exported} == before.keys() and len(before) == 5
    assert len(export_records(app, "chats")) == 6
    run = import_run({ann.account["id"]: ann})
    assert states(import_records(app, "chats", exported, run)) == ["unchanged"] * 5
    assert ann.delete(f"{CHATS}/").json is True
    assert everything(ann) == {}
    dry = import_run({ann.account["id"]: ann}, dry_run=True)
    assert states(import_records(app, "chats", exported, dry)) == ["imported"] * 5
    assert everything(ann) == {}
    assert states(import_records(app, "chats", exported, run)) == ["imported"] * 5
    assert everything(ann) == before
    assert bob.get(f"{CHATS}/share/{share_id}").json == shared
    assert notes_of(run) == {}
    assert export_records(app, "chats", ann) == exported
    waiting = app.run(app.portico.database.rows, "SELECT 1 FROM chats_text WHERE state <> 1")
    assert waiting == [] or not _is_sqlite(app)


def test_documents_pass_byte_for_byte_and_are_found(app: InProcessApp, ann: Client) -> None:
    made = record("c1", meta={"tags": ["big_trip"], "k": 1}, tags=[{"id": "x", "name": "Big trip"}])
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()
    outcomes = import_records(app, "chats", [text], import_run({"a": ann}))
    assert outcomes == [("c1", "imported", "")]
    assert (
        json.dumps(made["chat"], ensure_ascii=False, separators=(",", ":")).encode()
        in ann.get(f"{CHATS}/c1").body
    )
    assert [one["name"] for one in ann.get(f"{CHATS}/c1/tags").json] == ["Big trip"]
    found = ann.get(f"{CHATS}/search?text=text%20of%20s").json
    assert [one["id"] for one in found] == ["c1"]
    (one,) = ann.get(f"{CHATS}/").json
    assert (one["created_at"], one["updated_at"]) == (DAY, DAY + 5)


def test_chats_that_cannot_be_taken_are_reported_alone(
    app: InProcessApp, ann: Client, bob: Client
) -> None:
    run = import_run({"a": ann, "b": bob})
    assert states(import_records(app, "chats", [record("one", "b")], run)) == ["imported"]
    share = {"share_id": "s", "shared_chat": record("x")["chat"]}
    records = [
        record("one"),
        record("two", "gone"),
        record("three", **share),
        record("four", **share),
        record("five", folder_id="nowhere"),
        record("six", share_id="dead"),
        b'{"id": "seven", "user_id": "a", "chat": ',
        record("three"),
    ]
    outcomes = import_records(app, "chats", records, run)
    assert states(outcomes) == [
        *("skipped", "skipped", "imported", "imported", "imported", "imported"),
        *("rejected", "unchanged"),
    ]
    assert sorted(one["title"] for one in ann.get(f"{CHATS}/").json) == [
        *("five", "four", "six", "three")
    ]
    assert bob.get(f"{CHATS}/share/s").json["title"] == "x"
    assert ann.get(f"{CHATS}/three").json["share_id"] == "s"
    assert ann.get(f"{CHATS}/four").json["share_id"] is None
    assert list(notes_of(run).values()) == [1, 1, 1]


BROKEN: dict[str, tuple[dict[str, Any], int]] = {
    "no-document": (record("", chat=None), 0),
    "document-in-a-text": (record("", chat=json.dumps(record("")["chat"])), 3),
    "title-no-text": (record("", title=5, chat=record("")["chat"] | {"title": {"a": 1}}), 3),
    "milliseconds": (record("", created_at=DAY * 1000, updated_at=DAY * 10**9), 3),
    "times-null": (record("", created_at=None, updated_at="soon"), 3),
    "null-messages": (
        record("", chat={"history": {"messages": {"q": message("q", None), "n": None, "x": 1}}}),
        1,
    ),
    "cycle": (
        record(
            "", chat={"history": {"messages": {"q": message("q", "r"), "r": message("r", "q")}}}
        ),
        2,
    ),
    "missing-parent": (record("", chat={"history": {"messages": {"q": message("q", "z")}}}), 1),
    "other-ids": (
        record("", chat={"history": {"messages": {"q": message("z", None)}, "currentId": "z"}}),
        1,
    ),
    "list-of-messages": (
        record("", chat={"history": {"messages": [message("q", None), None, message("r", "q")]}}),
        2,
    ),
    "history-no-object": (record("", chat={"history": 7, "messages": "none"}), 0),
    "long-id": (record("", chat={"history": {"messages": {"q" * 300: message("q", None)}}}), 1),
    "flags": (record("", pinned="1", archived=0, meta=[1], folder_id=4, tags="x"), 3),
}


def test_damaged_chats_keep_what_is_readable(app: InProcessApp, ann: Client) -> None:
    run = import_run({"a": ann})
    records = [one | {"id": chat_id} for chat_id, (one, _) in BROKEN.items()]
    records += [record("x", id=None), record("x", id=9)]
    outcomes = import_records(app, "chats", records, run)
    assert states(outcomes) == ["imported"] * len(records), outcomes
    found = everything(ann)
    assert len(found) == len(records)
    for chat_id, (_, count) in BROKEN.items():
        history = found[chat_id]["chat"].get("history") or {}
        messages = history.get("messages") or {}
        assert len(messages) == count, chat_id
        assert not messages or history["currentId"] in messages, chat_id
    assert found["milliseconds"]["created_at"] == found["milliseconds"]["updated_at"] == DAY
    assert found["title-no-text"]["title"] == "5"
    assert found["flags"]["pinned"] is True
    notes = notes_of(run)
    assert notes["a message is no object, and is left out"] == 3
    assert notes["the chat has no document, so only its title is there"] == 1
    assert states(import_records(app, "chats", records, run)) == ["unchanged"] * len(records)


def test_batch_is_written_in_several_transactions(app: InProcessApp, ann: Client) -> None:
    records = [record(f"c{n}", chat=document(title=f"c{n}")) for n in range(450)]
    before = app.portico.database.writer.commits if _is_sqlite(app) else 0  # type: ignore[attr-defined]
    outcomes = import_records(app, "chats", records, import_run({"a": ann}))
    assert states(outcomes) == ["imported"] * 450
    if _is_sqlite(app):
        assert app.portico.database.writer.commits - before >= 3  # type: ignore[attr-defined]


def _is_sqlite(app: InProcessApp) -> bool:
    return app.portico.database.dialect == "sqlite"
