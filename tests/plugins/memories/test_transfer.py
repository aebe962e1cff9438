"""Memories that move in and out with a whole instance."""

import pytest
from tests.plugins.memories.conftest import MEMORIES, add, contents
from tests.record_transfer import export_records, import_records, import_run, states

from portico.testing import Client, InProcessApp

pytestmark = pytest.mark.both_databases


def test_memories_move_with_their_owner_and_only_once(
    app: InProcessApp, ann: Client, bob: Client
) -> None:
    add(ann, "Likes tea")
    add(bob, "Likes coffee")
    before = ann.get(f"{MEMORIES}/").json
    exported = export_records(app, "memories", ann)
    assert [one["content"] for one in exported] == ["Likes tea"]
    assert len(export_records(app, "memories")) == 2

    run = import_run({ann.account["id"]: ann})
    assert states(import_records(app, "memories", exported, run)) == ["unchanged"]
    ann.delete(f"{MEMORIES}/delete/user")
    dry = import_run({ann.account["id"]: ann}, dry_run=True)
    assert states(import_records(app, "memories", exported, dry)) == ["imported"]
    assert contents(ann) == []
    assert states(import_records(app, "memories", exported, run)) == ["imported"]
    assert ann.get(f"{MEMORIES}/").json == before


def test_memories_that_cannot_be_taken_are_reported_alone(
    app: InProcessApp, ann: Client, bob: Client
) -> None:
    taken = add(bob, "Bob's own")
    run = import_run({"a": ann})
    outcomes = import_records(
        app,
        "memories",
        [
            {"id": "m1", "user_id": "a", "content": "One", "updated_at": 1_700_000_000_123},
            {"id": "m2", "user_id": "gone", "content": "Two"},
            {"id": taken, "user_id": "a", "content": "Three"},
            {"id": "m4", "user_id": "a", "content": " "},
            b"{broken",
        ],
        run,
    )
    assert states(outcomes) == ["imported", "skipped", "skipped", "rejected", "rejected"]
    assert "no such account" in outcomes[1][2]
    (one,) = ann.get(f"{MEMORIES}/").json
    assert (one["content"], one["updated_at"]) == ("One", 1_700_000_000)
    assert contents(bob) == ["Bob's own"]
