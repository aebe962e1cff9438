"""Models that move in and out with a whole instance."""

from typing import Any

import pytest
from tests.plugins.models.conftest import AddGroup
from tests.record_transfer import export_records, import_records, import_run, notes_of, states

from portico.testing import Client, InProcessApp

pytestmark = pytest.mark.both_databases
MODELS = "/api/v1/models"
DAY = 1_700_000_000


def record(model_id: str, owner: str = "a", **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"id": model_id, "user_id": owner, "base_model_id": "open-1"}
    values |= {"name": model_id.title(), "params": {"system": "Short"}, "meta": {"x": [1]}}
    return values | {"is_active": True, "created_at": DAY, "updated_at": DAY * 1000} | changes


def lists(**read: list[str]) -> dict[str, Any]:
    return {"read": {"user_ids": [], "group_ids": []} | read, "write": {}}


def grant(kind: str, principal: str, permission: str = "read") -> dict[str, str]:
    return {"principal_type": kind, "principal_id": principal, "permission": permission}


def seen(client: Client) -> set[str]:
    return {one["id"] for one in client.get("/api/models").json["data"]} - {"open-1"}


def test_models_keep_access_and_no_user_gets_more(
    app: InProcessApp, admin: Client, ann: Client, bob: Client, add_group: AddGroup
) -> None:
    group = add_group(bob)
    cleo = admin.add_user("Cleo")
    rights: dict[str, dict[str, Any]] = {
        "public": {"access_control": None},
        "private": {"access_control": {}},
        "silent": {},
        "group": {"access_control": lists(group_ids=["g", "unknown"])},
        "person": {"access_control": lists(user_ids=["c", "unknown"])},
        "granted": {
            "access_grants": [
                grant("user", "c"),
                grant("group", "g"),
                grant("group", "g", "write"),
            ]
        },
        "everyone": {"access_grants": [grant("user", "*")]},
        "unknown": {"access_grants": [grant("user", "unknown"), grant("group", "unknown")]},
        "odd": {"access_grants": [grant("role", "*")]},
        "empty": {"access_grants": []},
    }
    records = [record(name, **right) for name, right in rights.items()]
    run = import_run({"a": ann, "c": cleo}, {"g": group})
    assert states(import_records(app, "models", records, run)) == ["imported"] * len(records)
    everyone = {"public", "everyone"}
    assert seen(ann) == rights.keys()
    assert seen(bob) == everyone | {"group", "granted"}
    assert bob.get(f"{MODELS}/model?id=granted").json["params"] == {"system": "Short"}
    assert seen(cleo) == everyone | {"person", "granted"}
    assert notes_of(run)["access of an account that was not taken is left out"] == 2
    assert notes_of(run)["access of a group that was not taken is left out"] == 2

    exported = export_records(app, "models", ann)
    assert {one["id"] for one in exported} == rights.keys()
    assert {(one["created_at"], one["updated_at"]) for one in exported} == {(DAY, DAY)}
    assert exported[0]["params"] == {"system": "Short"} and exported[0]["meta"]["x"] == [1]
    assert export_records(app, "models", bob) == []
    same = {client.account["id"]: client for client in (ann, bob, cleo)}
    again = import_run(same, {group: group})
    assert states(import_records(app, "models", exported, again)) == ["unchanged"] * len(records)
    for name in rights:
        assert ann.post(f"{MODELS}/model/delete", {"id": name}).status == 200
    assert seen(ann) == set()
    dry = import_run(same, {group: group}, dry_run=True)
    assert states(import_records(app, "models", exported, dry)) == ["imported"] * len(records)
    assert seen(ann) == set()
    assert states(import_records(app, "models", exported, again)) == ["imported"] * len(records)
    assert export_records(app, "models", ann) == exported
    assert notes_of(again) == {}


def test_models_that_cannot_be_taken_are_reported_alone(
    app: InProcessApp, ann: Client, bob: Client
) -> None:
    run = import_run({"a": ann, "b": bob})
    assert states(import_records(app, "models", [record("one", "b")], run)) == ["imported"]
    records = [
        record("one"),
        record("ONE", "b"),
        record("two", "gone"),
        record("three", params=[1]),
        record("four", base_model_id="five"),
        record("five", base_model_id="four"),
        b"[]",
        {"id": None, "user_id": "a"},
        record("six", meta={"profile_image_url": "data:image/svg+xml;base64,PHN2Zz4="}),
        record("open-1", base_model_id=None, is_active=False),
    ]
    run.administrators.add("a")
    outcomes = import_records(app, "models", records, run)
    assert states(outcomes) == ["skipped"] * 3 + ["rejected"] * 5 + ["imported"] * 2
    assert {one["id"] for one in export_records(app, "models")} == {"one", "six", "open-1"}
    assert len(notes_of(run)) == 1


@pytest.mark.case("AB-19")
def test_model_of_a_source_is_changed_only_for_an_administrator_of_the_other_server(
    app: InProcessApp, ann: Client, bob: Client
) -> None:
    records = [
        record(name, owner, base_model_id=None, access_control=None)
        for name, owner in (("open-2", "a"), ("open-3", "b"))
    ]
    run = import_run({"a": ann, "b": bob}, {})
    run.administrators.add("a")
    outcomes = import_records(app, "models", records, run)
    assert states(outcomes) == ["imported", "skipped"]
    assert "--keep-admins" in outcomes[1][2]
