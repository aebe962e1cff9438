"""Folders that move in and out with a whole instance."""

from typing import Any

import pytest
from tests.record_transfer import export_records, import_records, import_run, notes_of, states

from portico.testing import Client, InProcessApp

pytestmark = pytest.mark.both_databases
FOLDERS = "/api/v1/folders"


def tree(client: Client) -> dict[str, Any]:
    """Return all folders of an account, whole."""
    return {
        one["id"]: client.get(f"{FOLDERS}/{one['id']}").json
        for one in client.get(f"{FOLDERS}/").json
    }


def test_folders_keep_their_tree(app: InProcessApp, ann: Client, bob: Client) -> None:
    def make(name: str, **more: Any) -> str:
        return str(ann.post(f"{FOLDERS}/", {"name": name} | more).json["id"])

    trips, porto = make("Trips", data={"system_prompt": "Short"}), make("Porto", meta={"icon": "x"})
    ann.post(f"{FOLDERS}/{porto}/update/parent", {"parent_id": trips})
    ann.post(f"{FOLDERS}/{porto}/update/expanded", {"is_expanded": True})
    bob.post(f"{FOLDERS}/", {"name": "Bob's"})
    before = tree(ann)
    assert before[porto]["parent_id"] == trips
    exported = export_records(app, "folders", ann)
    assert [one["name"] for one in exported] == ["Trips", "Porto"]
    assert len(export_records(app, "folders")) == 3
    run = import_run({ann.account["id"]: ann})
    assert states(import_records(app, "folders", exported, run)) == ["unchanged"] * 2
    assert ann.delete(f"{FOLDERS}/{trips}").status == 200
    assert tree(ann) == {}
    dry = import_run({ann.account["id"]: ann}, dry_run=True)
    assert states(import_records(app, "folders", exported, dry)) == ["imported"] * 2
    assert tree(ann) == {}
    assert states(import_records(app, "folders", exported, run)) == ["imported"] * 2
    assert tree(ann) == before
    assert notes_of(run) == {}


def test_odd_folders_are_mended_or_reported(app: InProcessApp, ann: Client, bob: Client) -> None:
    taken = bob.post(f"{FOLDERS}/", {"name": "Bob's"}).json["id"]
    records: list[dict[str, Any]] = [
        {"id": "a", "name": "Trips"},
        {"id": "b", "name": "TRIPS", "meta": [1], "data": {"files": 5}},
        {"id": "c", "name": "In itself", "parent_id": "d"},
        {"id": "d", "name": "In itself", "parent_id": "c"},
        {"id": "e", "name": "\x07", "created_at": 1_700_000_000_000},
        {"id": "f", "name": "x" * 400, "parent_id": "nowhere"},
        {"id": taken, "name": "Mine"},
        {"id": "g", "name": "Gone", "user_id": "unknown"},
    ]
    run = import_run({"s": ann})
    outcomes = import_records(app, "folders", [{"user_id": "s"} | one for one in records], run)
    assert states(outcomes) == ["imported"] * 6 + ["skipped"] * 2
    found = tree(ann)
    assert [found[one]["name"] for one in "abce"] == [
        *("Trips", "TRIPS (2)", "In itself", "Imported folder")
    ]
    assert found["c"]["parent_id"] == "d" and found["d"]["parent_id"] is None
    assert found["e"]["created_at"] == 1_700_000_000
    assert set(notes_of(run).values()) == {1, 2}
    again = import_records(app, "folders", [{"user_id": "s"} | one for one in records], run)
    assert states(again) == ["unchanged"] * 6 + ["skipped"] * 2
