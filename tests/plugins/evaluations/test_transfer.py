"""Ratings that move in and out with a whole instance."""

from typing import Any

import pytest
from tests.plugins.evaluations.conftest import (
    FEEDBACK,
    chat_of,
    form,
    new_chat,
    rate,
    rows,
    scores,
)
from tests.record_transfer import export_records, import_records, import_run, notes_of, states

from portico.testing import Client, InProcessApp

pytestmark = pytest.mark.both_databases


def sums(app: InProcessApp) -> list[tuple[Any, ...]]:
    """Return the rows of the leaderboard's sums, sorted."""
    return sorted(tuple(one.values()) for one in rows(app, "evaluations_score"))


def test_ratings_and_the_leaderboard_are_the_same_afterwards(
    app: InProcessApp, admin: Client, ann: Client, bob: Client
) -> None:
    chat = new_chat(ann, "alpha", "beta")
    copy = {"chat": {"chat": chat_of("alpha")}}
    rate(ann, chat, sibling_model_ids=["beta"], tags=["x"], comment="Good", snapshot=copy)
    rate(ann, new_chat(ann, "gone", "beta"), -1, sibling_model_ids=["beta"])
    rate(bob, new_chat(bob, "beta", "gamma"), -1, sibling_model_ids=["gamma"])
    before, own, board = sums(app), export_records(app, "feedback", ann), scores(admin)
    assert len(own) == 2 and len(export_records(app, "feedback")) == 3
    run = import_run({ann.account["id"]: ann, bob.account["id"]: bob})
    assert states(import_records(app, "feedback", own, run)) == ["unchanged"] * 2
    for one in own:
        assert ann.delete(f"{FEEDBACK}/{one['id']}").json is True
    assert sums(app) != before
    dry = import_run({ann.account["id"]: ann}, dry_run=True)
    assert states(import_records(app, "feedback", own, dry)) == ["imported"] * 2
    assert len(export_records(app, "feedback")) == 1
    assert states(import_records(app, "feedback", own, run)) == ["imported"] * 2
    assert sums(app) == before and scores(admin) == board
    assert export_records(app, "feedback", ann) == own
    assert notes_of(run) == {}
    (owner,) = (
        one for one in rows(app, "evaluations_owner") if one["user_id"] == ann.account["id"]
    )
    assert owner["feedbacks"] == 2 and owner["snapshot_bytes"] > 0


def test_ratings_of_another_server_count_for_the_models_they_name(
    app: InProcessApp, admin: Client, ann: Client, bob: Client
) -> None:
    def record(number: int, owner: str = "a", **changes: Any) -> dict[str, Any]:
        body = form("c", -1, reply=f"r{number}", model_id="far", sibling_model_ids=["near", None])
        return body | {"id": f"f{number}", "user_id": owner, "created_at": 1_700_000_000} | changes

    run = import_run({"a": ann, "b": bob})
    records = [
        record(1),
        record(2, snapshot={"chat": {"odd": 1}}),
        record(3, "gone"),
        record(4, meta=None),
        record(5, data=None, snapshot=5),
        record(6, meta={"chat_id": "c", "message_id": "r1"}),
        record(7, data={"rating": 5}),
    ]
    outcomes = import_records(app, "feedback", records, run)
    assert states(outcomes) == [
        *("imported", "imported", "skipped", "rejected", "imported", "skipped", "rejected")
    ]
    assert scores(admin) == {"far": (0, 2, 0, 2), "near": (2, 0, 0, 0)}
    assert import_records(app, "feedback", [record(1, "b")], run)[0][1] == "skipped"
    assert states(import_records(app, "feedback", [records[0]], run)) == ["unchanged"]
    assert notes_of(run) == {"the copy of the chat has not the shape of a chat": 2}
    (first, *_) = export_records(app, "feedback", ann)
    assert (first["created_at"], first["updated_at"]) == (1_700_000_000, 1_700_000_000)
