"""Prompts that move in and out with a whole instance."""

from typing import Any

import pytest
from tests.record_transfer import export_records, import_records, import_run, notes_of, states

from portico.testing import Client, InProcessApp

pytestmark = pytest.mark.both_databases
PROMPTS = "/api/v1/prompts"


def record(command: str, owner: str = "a", **changes: Any) -> dict[str, Any]:
    values = {"command": command, "user_id": owner, "title": "T", "content": "Text"}
    return values | {"timestamp": 1_700_000_000, "access_control": {}} | changes


def test_prompts_keep_times_and_access(
    app: InProcessApp, admin: Client, ann: Client, bob: Client
) -> None:
    shared = {"read": {"group_ids": ["nowhere"], "user_ids": ["b", "unknown"]}}
    grants = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    records = [
        record("/private"),
        record("/public", access_control=None),
        record("/shared", access_control=shared),
        {
            k: v
            for k, v in record("/granted", access_grants=grants).items()
            if k != "access_control"
        },
        {k: v for k, v in record("/silent", name="N", title=None).items() if k != "access_control"},
        record("/odd", access_control={"everyone": True}),
    ]
    run = import_run({"a": ann, "b": bob})
    assert states(import_records(app, "prompts", records, run)) == ["imported"] * 6
    assert sorted(one["command"] for one in bob.get(f"{PROMPTS}/").json) == [
        "/granted",
        "/public",
        "/shared",
    ]
    assert notes_of(run)["access of an account that was not taken is left out"] == 1
    assert notes_of(run)["access of a group that was not taken is left out"] == 1
    found = {one["command"]: one for one in ann.get(f"{PROMPTS}/").json}
    assert {one["timestamp"] for one in found.values()} == {1_700_000_000}
    assert found["/silent"]["title"] == "N"
    assert found["/shared"]["access_control"]["read"]["user_ids"] == [bob.account["id"]]

    exported = export_records(app, "prompts", ann)
    assert {one["command"]: one for one in exported} == found
    assert export_records(app, "prompts", bob) == []
    again = import_run({ann.account["id"]: ann, bob.account["id"]: bob})
    assert states(import_records(app, "prompts", exported, again)) == ["unchanged"] * 6
    for command in found:
        assert ann.delete(f"{PROMPTS}/command{command}/delete").status == 200
    assert states(import_records(app, "prompts", exported, again)) == ["imported"] * 6
    assert {one["command"]: one for one in ann.get(f"{PROMPTS}/").json} == found


def test_taken_commands_are_reported(app: InProcessApp, ann: Client, bob: Client) -> None:
    run = import_run({"a": ann, "b": bob})
    assert states(import_records(app, "prompts", [record("/one")], run)) == ["imported"]
    outcomes = import_records(
        app,
        "prompts",
        [record("/ONE", "b"), record("one"), record("/a b"), record("/x", "gone"), record("/two")],
        run,
    )
    assert states(outcomes) == ["skipped", "unchanged", "rejected", "skipped", "imported"]
