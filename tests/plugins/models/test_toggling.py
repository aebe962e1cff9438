"""Switching models off and on, and deleting all of them."""

import threading
from typing import Any

import pytest
from tests.plugins.models.conftest import form, readers, writers

from portico.testing import Client, InProcessApp

CREATE = "/api/v1/models/create"
TOGGLE = "/api/v1/models/model/toggle"
CLEAR = "/api/v1/models/delete/all"


def toggle(client: Client, model_id: str = "legal-desk") -> Any:
    return client.post(f"{TOGGLE}?id={model_id}")


def test_toggle_switches_off_and_on(ann: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ann.post(CREATE, form()).json
    monkeypatch.setattr("portico_models.workspace.service.now", lambda: before["created_at"] + 60)

    off = toggle(ann)

    assert off.status == 200
    later = {"is_active": False, "updated_at": before["created_at"] + 60}
    assert off.json == before | later
    assert "legal-desk" not in [one["id"] for one in ann.get("/api/models").json["data"]]
    assert toggle(ann).json["is_active"] is True
    assert "legal-desk" in [one["id"] for one in ann.get("/api/models").json["data"]]


@pytest.mark.both_databases
def test_concurrent_toggles_are_both_applied(ann: Client, admin: Client) -> None:
    ann.post(CREATE, form())
    statuses = []
    threads = [
        threading.Thread(target=lambda who=who: statuses.append(toggle(who).status))
        for who in (ann, admin) * 5
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 10
    assert ann.get("/api/v1/models/model?id=legal-desk").json["is_active"] is True
    assert ann.get("/api/v1/models/model/versions?id=legal-desk").json["total"] == 11


@pytest.mark.case("AB-40")
def test_toggle_requires_write_access(ann: Client, bob: Client, admin: Client) -> None:
    admin.post(CREATE, form("read", access_control=readers(ann)))
    admin.post(CREATE, form("write", access_control=writers(ann)))

    assert toggle(ann, "read").status == 403
    assert toggle(ann, "write").json["is_active"] is False
    responses = [toggle(bob, one) for one in ("read", "absent", "a%00b")]
    assert {one.status for one in responses} == {404}
    assert len({one.body for one in responses}) == 1
    assert ann.post(TOGGLE).status == 422


def test_delete_all_deletes_grants_and_keeps_versions(
    app: InProcessApp, ann: Client, admin: Client
) -> None:
    for number in range(3):
        ann.post(CREATE, form(f"m{number}"))
    admin.post(CREATE, form("closed-1", base_model_id=None, access_control=readers(ann)))

    assert admin.delete(CLEAR).json is True

    database = app.portico.database
    for table in ("models_model", "models_tag", "portico_grant"):
        assert app.run(database.rows, f"SELECT * FROM {table}") == []
    assert [one["id"] for one in ann.get("/api/models").json["data"]] == ["open-1"]
    past = admin.get("/api/v1/models/model/version?id=closed-1&number=2").json
    assert (past["change"], past["author"]) == ("deleted", admin.account["id"])
    assert past["document"]["access_control"]["read"]["user_ids"] == [ann.account["id"]]
    assert admin.delete(CLEAR).json is True


def test_delete_all_requires_administrator(ann: Client) -> None:
    ann.post(CREATE, form())
    assert ann.delete(CLEAR).status == 403
    assert ann.get("/api/v1/models/model?id=legal-desk").status == 200


@pytest.mark.case("D-MOD-03")
def test_owner_email_is_shown_to_users_who_may_read_accounts(
    app: InProcessApp, ann: Client, admin: Client
) -> None:
    ann.post(CREATE, form())
    admin.post(CREATE, form("theirs", access_control=writers(ann)))

    def seen(by: Client) -> dict[str, str]:
        items = by.get("/api/v1/models/list").json["items"]
        return {item["id"]: item["user"]["email"] for item in items}

    assert seen(ann) == {"legal-desk": "ann@example.org", "theirs": ""}
    assert seen(admin) == {"legal-desk": "ann@example.org", "theirs": "ada@example.org"}


def test_response_contains_write_access_of_the_caller(ann: Client, admin: Client) -> None:
    ann.post(CREATE, form())
    admin.post(CREATE, form("public", access_control=None))

    items = ann.get("/api/v1/models/list").json["items"]
    assert {one["id"]: one["write_access"] for one in items} == {
        "legal-desk": True,
        "public": False,
    }
    assert ann.get("/api/v1/models/model?id=public").json["write_access"] is False


class TestWithEveryModelOpen:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"BYPASS_MODEL_ACCESS_CONTROL": "true"}

    def test_missing_model_is_404_for_users_who_may_read_all(
        self, ann: Client, bob: Client
    ) -> None:
        ann.post(CREATE, form())
        assert (toggle(bob).status, toggle(bob, "absent").status) == (403, 404)
