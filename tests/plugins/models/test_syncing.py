"""Sync: replace all models by a list."""

from typing import Any

import pytest
from tests.plugins.models.conftest import AddGroup, form, readers
from tests.plugins.models.test_importing import models_of, stored

from portico.api.messages import MODEL_ID_TAKEN
from portico.events import Listener
from portico.testing import Client, InProcessApp, Response
from portico_models.workspace.events import ModelChanged

CREATE, SYNC = "/api/v1/models/create", "/api/v1/models/sync"


def sync(client: Client, *models: Any, query: str = "") -> Response:
    return client.post(f"{SYNC}{query}", {"models": list(models)})


def test_sync_updates_inserts_and_deletes(app: InProcessApp, ann: Client, admin: Client) -> None:
    ann.post(CREATE, form("anns", name="Old"))
    ann.post(CREATE, form("gone"))
    admin.post(CREATE, form("closed-1", base_model_id=None))
    admin.post(CREATE, form("open-1", base_model_id=None, access_control=None))
    override = form("open-1", base_model_id=None, created_at=5)
    published: list[ModelChanged] = []
    app.portico.events.subscribe("test", [Listener(ModelChanged, published.append)])

    answer = sync(admin, form("anns", created_at=7), form("new", updated_at=9), override)

    assert answer.status == 200
    rows = {model["id"]: model for model in answer.json}
    assert [model["id"] for model in answer.json] == ["open-1", "anns", "new"]
    owners = {one: row["user_id"] for one, row in rows.items()}
    admins = admin.account["id"]
    assert owners == {"anns": ann.account["id"], "new": admins, "open-1": admins}
    assert rows["anns"]["name"] == "Legal desk"
    assert [rows[one]["created_at"] for one in ("open-1", "anns")] == [5, 7]
    assert rows["new"]["updated_at"] > 9
    assert {(event.id, event.change) for event in published} == {
        ("open-1", "updated"), ("anns", "updated"), ("new", "created"),
        ("gone", "deleted"), ("closed-1", "deleted"),
    }  # fmt: skip
    grants = "SELECT resource_id FROM portico_grant WHERE resource_kind = 'model'"
    assert app.run(app.portico.database.rows, grants) == []


def test_sync_touches_unchanged_models_without_a_version(
    app: InProcessApp, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = admin.post(CREATE, form("one")).json
    monkeypatch.setattr("portico_models.transfer.writer.now", lambda: created["updated_at"] + 60)

    answer = admin.post(SYNC, body=admin.get("/api/v1/models/export").body)

    assert answer.json == [created | {"updated_at": created["updated_at"] + 60}]

    versions = app.run(app.portico.database.rows, "SELECT change FROM models_version")
    assert [one["change"] for one in versions] == ["created"]


def test_sync_with_an_empty_list_deletes_all_models(app: InProcessApp, admin: Client) -> None:
    admin.post(CREATE, form())

    assert sync(admin).json == []
    assert models_of(app) == []


def test_dry_run_reports_and_writes_nothing(app: InProcessApp, ann: Client, admin: Client) -> None:
    ann.post(CREATE, form("anns"))
    admin.post(CREATE, form("same"))
    admin.post(CREATE, form("gone"))

    admin.post(CREATE, form("x"))

    answer = sync(admin, form("anns"), form("same"), form("new"), {"id": "x"}, query="?dry_run=1")

    assert answer.status == 200
    rejected = answer.json.pop("rejected")
    assert answer.json | {"rejected": []} == {
        "created": ["new"], "updated": [], "unchanged": ["anns", "same"], "deleted": ["gone"],
        "skipped": 0, "rejected": [],
    }  # fmt: skip
    assert rejected == [
        {
            "index": 3,
            "id": "x",
            "reason": "name: Field required; meta: Field required; params: Field required",
        }
    ]
    assert models_of(app) == ["anns", "gone", "same", "x"]


@pytest.mark.case("D-MOD-15")
@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (5, 422), ({"name": "no id"}, 422), ({"id": "", "name": "x"}, 422), ({"id": "half"}, 422),
        (form("bad", params={"top_p": 2}), 400), (form("bad", base_model_id="bad"), 400),
        (form("a\n"), 400),
    ],
)  # fmt: skip
def test_sync_with_an_invalid_model_writes_nothing(
    app: InProcessApp, admin: Client, bad: Any, status: int
) -> None:
    admin.post(CREATE, form("kept", name="Old"))

    answer = sync(admin, form("kept", name="New"), form("new"), bad)

    assert answer.status == status
    assert models_of(app) == ["kept"]
    assert stored(admin, "kept")["name"] == "Old"


@pytest.mark.case("AB-35")
@pytest.mark.parametrize("like", ["closed-1", "OPEN-1", "llama3"])
def test_sync_rejects_ids_of_source_models(admin: Client, like: str) -> None:
    answer = sync(admin, form(like))
    assert (answer.status, MODEL_ID_TAKEN in answer.detail) == (400, True)


@pytest.mark.case("AB-35")
def test_sync_may_replace_an_id_by_a_similar_one_but_not_keep_both(
    app: InProcessApp, admin: Client
) -> None:
    admin.post(CREATE, form("Legal"))

    assert sync(admin, form("legal"), form("LEGAL")).status == 400
    assert sync(admin, form("legal")).status == 200
    assert models_of(app) == ["legal"]


@pytest.mark.case("AB-33")
def test_invalid_access_control_is_rejected(admin: Client) -> None:
    assert sync(admin, form(access_control="public")).status == 422
    star = form(access_control={"read": {"user_ids": ["*"]}})
    assert sync(admin, star, query="?strict=true").status == 400
    assert sync(admin, star).json[0]["access_control"] == {}


def test_sync_requires_administrator(ann: Client, add_group: AddGroup) -> None:
    add_group(ann, workspace={"models_import": True, "models_export": True})

    assert sync(ann, form()).status == sync(ann, query="?dry_run=true").status == 403


def test_sync_replaces_sharing(ann: Client, bob: Client, admin: Client) -> None:
    admin.post(CREATE, form("one", access_control=readers(ann)))

    assert sync(admin, form("one", access_control=readers(bob))).status == 200

    assert stored(ann, "one") is None
    assert stored(bob, "one")["params"] == {}


class TestWithAPolicyThatLetsOthersIn:
    @pytest.fixture
    def env(self, env: dict[str, str], tmp_path: Any) -> dict[str, str]:
        pages = tmp_path / "policies"
        pages.mkdir()
        (pages / "sync.csv").write_text("p, model, sync, role:user, allow\n")
        return env | {"PORTICO_ACCESS_POLICY_DIR": str(pages)}

    @pytest.mark.case("AB-36")
    def test_sync_does_not_open_private_bases_or_sources(
        self, app: InProcessApp, ann: Client, admin: Client
    ) -> None:
        admin.post(CREATE, form("one"))

        for model in (
            form("mine", base_model_id="closed-1"),
            form("closed-1", base_model_id=None),
            form("one", base_model_id="closed-1"),
        ):
            assert sync(ann, model).status == 403
        assert models_of(app) == ["one"]
        public = sync(ann, form("one", access_control=None))
        assert public.json[0]["access_control"] == {}
