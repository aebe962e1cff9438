"""Versions: stored with every change, shown to writers, restored."""

from typing import Any

import pytest
from tests.plugins.models.conftest import AddGroup, Shop, form, readers, writers

from portico.api.messages import UNAUTHORIZED
from portico.testing import Client, InProcessApp

MODELS = "/api/v1/models"
CREATE, UPDATE, DELETE, RESTORE = (
    f"{MODELS}/{end}" for end in ("create", "model/update", "model/delete", "model/restore")
)


def versions(client: Client, model_id: str = "legal-desk", page: int = 1) -> Any:
    return client.get(f"{MODELS}/model/versions?id={model_id}&page={page}")


def version(client: Client, number: Any, model_id: str = "legal-desk") -> Any:
    return client.get(f"{MODELS}/model/version?id={model_id}&number={number}")


def restore(client: Client, number: Any, model_id: str = "legal-desk") -> Any:
    return client.post(RESTORE, {"id": model_id, "number": number})


def changes(client: Client, model_id: str = "legal-desk") -> list[str]:
    answer = versions(client, model_id)
    assert answer.status == 200, answer
    return [one["change"] for one in answer.json["items"]]


def model(client: Client, model_id: str = "legal-desk") -> Any:
    return client.get(f"{MODELS}/model?id={model_id}").json


def test_versions_contain_author_time_and_previous_document(
    app: InProcessApp, ann: Client, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ann.post(CREATE, form()).json
    shared = admin.post(UPDATE, form(name="Tax", access_control=readers(admin))).json
    monkeypatch.setattr("portico_models.workspace.service.now", lambda: first["created_at"] + 60)
    ann.post(f"{MODELS}/model/toggle?id=legal-desk")
    ann.post(UPDATE, form(access_control={}))

    page = versions(ann).json

    assert page["total"] == 4
    assert [(one["number"], one["change"], one["author"]) for one in page["items"]] == [
        (4, "updated", ann.account["id"]),
        (3, "toggled", ann.account["id"]),
        (2, "updated", admin.account["id"]),
        (1, "created", ann.account["id"]),
    ]
    assert page["items"][1]["at"] == first["created_at"] + 60
    assert [one["author_name"] for one in page["items"]][2:] == ["Ada", "Ann"]
    assert "document" not in page["items"][0]
    assert version(ann, 1).json["document"] is None
    assert version(ann, 2).json["document"] == first
    assert version(ann, 3).json["document"] == shared
    assert version(ann, 4).json["document"]["is_active"] is False


def test_versions_store_documents_byte_for_byte(ann: Client) -> None:
    params = '{"x":  1.50, "deep": {"a":[1,2 ,{}]},"é":"\\u00e9"}'
    meta = '{"profile_image_url":null, "description" : null,"capabilities":{}, "mine": 1E3}'
    body = f'{{"id":"m","name":"M","base_model_id":"open-1","params":{params},"meta":{meta}}}'
    ann.post(CREATE, body=body.encode())
    ann.post(UPDATE, form("m"))

    assert f'"params":{params},"meta":{meta},'.encode() in version(ann, 2, "m").body
    assert f'"params":{params},"meta":{meta},'.encode() in restore(ann, 2, "m").body


def test_failed_update_stores_no_version(admin: Client) -> None:
    admin.post(CREATE, form())
    for invalid in (form(access_control={"read": {"user_ids": ["absent"]}}), form(params=1)):
        assert admin.post(UPDATE, invalid).status in (400, 422)
    admin.post(CREATE, form())  # rejected: the id exists

    assert changes(admin) == ["created"]


def test_restore_can_be_undone_by_another_restore(ann: Client, bob: Client, admin: Client) -> None:
    admin.post(CREATE, form(access_control=readers(bob) | writers(ann)))
    admin.post(f"{MODELS}/model/toggle?id=legal-desk")
    was = model(admin)
    new = form(name="New", params={}, meta={}, base_model_id="closed-1", access_control={})
    admin.post(UPDATE, new)
    assert model(bob).get("detail")

    restored = restore(admin, 3)

    assert restored.status == 200
    assert {**restored.json, "updated_at": 0, "write_access": True} == {**was, "updated_at": 0}
    assert model(bob)["name"] == "Legal desk"
    assert [one["id"] for one in admin.get(f"{MODELS}/list?tag=lex").json["items"]] == [was["id"]]
    assert changes(admin)[0] == "restored"
    assert restore(admin, 4).json["name"] == "New"


@pytest.mark.case("AB-40")
def test_versions_require_write_access(ann: Client, bob: Client, admin: Client) -> None:
    admin.post(CREATE, form(access_control=readers(ann)))

    for answer in (versions(ann), version(ann, 1), restore(ann, 1)):
        assert answer.status == 403
    for ask in (versions, lambda *a: version(a[0], 1, a[1]), lambda *a: restore(a[0], 1, a[1])):
        absent, forbidden = ask(bob, "absent"), ask(bob, "legal-desk")
        assert (absent.status, absent.body) == (404, forbidden.body)


@pytest.mark.case("AB-39")
def test_versions_of_a_former_owner_are_hidden_from_a_new_owner_of_the_id(
    ann: Client, bob: Client, admin: Client
) -> None:
    ann.post(CREATE, form(params={"system": "Ann's secret"}))
    ann.post(DELETE, {"id": "legal-desk"})
    bob.post(CREATE, form())
    bob.post(UPDATE, form(name="Bob's"))

    assert changes(bob) == ["updated", "created"]
    for number in (1, 2):
        assert version(bob, number).status == 404
        assert restore(bob, number).status == 404
    assert changes(admin) == ["updated", "created", "deleted", "created"]
    assert versions(ann).status == 404


@pytest.mark.parametrize("number", [0, -1, 99, 2**63, 10**30])
def test_missing_version_is_404(ann: Client, number: int) -> None:
    ann.post(CREATE, form())
    assert version(ann, number).status == 404
    assert restore(ann, number).status == 404


def test_restore_rejects_bad_requests_and_the_first_version(ann: Client) -> None:
    ann.post(CREATE, form())
    for bad in ("x", "1e20", ""):
        assert version(ann, bad).status == 422
    assert restore(ann, "one").status == 422
    assert versions(ann, page="x").status == 422  # type: ignore[arg-type]
    assert versions(ann, page=10**20).json["items"] == []
    answer = restore(ann, 1)
    assert (answer.status, "number" in answer.detail) == (400, True)


def test_versions_are_listed_30_a_page_newest_first(ann: Client) -> None:
    ann.post(CREATE, form())
    for _ in range(32):
        ann.post(f"{MODELS}/model/toggle?id=legal-desk")

    first, second = versions(ann).json, versions(ann, page=2).json

    assert first["total"] == second["total"] == 33
    assert [one["number"] for one in first["items"] + second["items"]] == list(range(33, 0, -1))
    assert len(first["items"]) == 30


class TestFew:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"PORTICO_MODELS_VERSIONS_KEPT": "3"}

    def test_old_versions_are_deleted_and_numbers_continue(self, ann: Client) -> None:
        ann.post(CREATE, form())
        for number in range(6):
            ann.post(UPDATE, form(name=f"n{number}"))

        kept = versions(ann).json
        assert kept["total"] == 3
        assert [one["number"] for one in kept["items"]] == [7, 6, 5]
        assert version(ann, 5).json["document"]["name"] == "n2"


class TestNone:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"PORTICO_MODELS_VERSIONS_KEPT": "0"}

    @pytest.mark.both_databases
    def test_no_versions_are_stored_if_disabled(self, app: InProcessApp, ann: Client) -> None:
        ann.post(CREATE, form())
        ann.post(UPDATE, form(name="New"))
        assert versions(ann).json == {"items": [], "total": 0}
        ann.post(DELETE, {"id": "legal-desk"})
        assert app.run(app.portico.database.rows, "SELECT * FROM models_version") == []


# -- permissions of a restore ---------------------------------------------------------------------------------


@pytest.mark.case("AB-36")
def test_restore_does_not_restore_a_base_the_caller_may_not_use(ann: Client, admin: Client) -> None:
    admin.post(CREATE, form(base_model_id="closed-1", access_control=writers(ann)))
    admin.post(UPDATE, form(access_control=writers(ann)))

    answer = restore(ann, 2)

    assert (answer.status, answer.detail) == (403, UNAUTHORIZED)
    assert model(admin)["base_model_id"] == "open-1"


@pytest.mark.case("D-MOD-04")
def test_restore_does_not_restore_forbidden_sharing(
    ann: Client, bob: Client, admin: Client
) -> None:
    ann.post(CREATE, form())
    admin.post(UPDATE, form(access_control=readers(bob)))
    admin.post(UPDATE, form(access_control={}))

    assert restore(ann, 3).json["access_control"] == {}
    assert restore(admin, 3).json["access_control"]["read"]["user_ids"] == [bob.account["id"]]


def test_restore_does_not_restore_a_cycle(ann: Client) -> None:
    ann.post(CREATE, form("low"))
    ann.post(CREATE, form("high"))
    ann.post(UPDATE, form("low", base_model_id="high"))
    ann.post(UPDATE, form("low"))
    ann.post(UPDATE, form("high", base_model_id="low"))

    assert restore(ann, 3, "low").status == 400


def test_restore_skips_deleted_users_and_groups(
    app: InProcessApp, ann: Client, bob: Client, admin: Client, add_group: AddGroup
) -> None:
    crew = add_group(ann)
    shared = {"read": {"user_ids": [bob.account["id"], ann.account["id"]], "group_ids": [crew]}}
    admin.post(CREATE, form(access_control=shared))
    admin.post(UPDATE, form(access_control={}))
    admin.delete(f"/api/v1/users/{bob.account['id']}")

    async def disband() -> None:
        await app.portico.identity.groups.delete(crew)

    app.run(disband)

    restored = restore(admin, 2).json["access_control"]

    assert restored["read"] == {"group_ids": [], "user_ids": [ann.account["id"]]}


# -- models that were deleted ---------------------------------------------------------------------------------


def test_owner_restores_a_deleted_model(
    ann: Client, bob: Client, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = ann.post(CREATE, form()).json
    monkeypatch.setattr("portico_models.workspace.service.now", lambda: created["created_at"] + 60)
    ann.post(DELETE, {"id": "legal-desk"})
    assert versions(bob).status == restore(bob, 2).status == 404

    assert changes(ann) == ["deleted", "created"]
    restored = restore(ann, 2)

    assert (restored.status, restored.json) == (
        200,
        created | {"updated_at": created["created_at"] + 60},
    )
    assert changes(ann) == ["restored", "deleted", "created"]
    assert model(ann)["name"] == "Legal desk"


def test_administrator_restores_a_deleted_model_for_its_owner(
    ann: Client, bob: Client, admin: Client
) -> None:
    ann.post(CREATE, form())
    admin.post(UPDATE, form(access_control=readers(bob)))
    admin.post(DELETE, {"id": "legal-desk"})

    restored = restore(admin, 3).json

    assert restored["user_id"] == ann.account["id"]
    assert model(bob)["id"] == "legal-desk"
    assert changes(ann)[0] == "restored"


def test_administrator_becomes_owner_of_a_restored_model_of_a_deleted_account(
    ann: Client, admin: Client
) -> None:
    ann.post(CREATE, form())
    ann.post(DELETE, {"id": "legal-desk"})
    admin.delete(f"/api/v1/users/{ann.account['id']}")

    page = versions(admin).json["items"]
    assert [(one["author"], one["author_name"]) for one in page] == [
        (ann.account["id"], None),
        (ann.account["id"], None),
    ]
    assert restore(admin, 2).json["user_id"] == admin.account["id"]


def test_writer_cannot_restore_a_deleted_model_of_another_owner(ann: Client, admin: Client) -> None:
    admin.post(CREATE, form(access_control=writers(ann)))
    ann.post(DELETE, {"id": "legal-desk"})

    assert restore(ann, 2).status == 404


@pytest.mark.case("AB-35")
def test_restore_does_not_replace_a_model_that_looks_alike(
    ann: Client, admin: Client, shop: Shop
) -> None:
    ann.post(CREATE, form())
    ann.post(DELETE, {"id": "legal-desk"})
    admin.post(CREATE, form("Legal-Desk"))

    assert restore(ann, 2).status == 400
    assert model(admin, "Legal-Desk")["user_id"] == admin.account["id"]


class TestWithoutThePermission:
    def test_restore_of_a_deleted_model_requires_create_permission(
        self, ann: Client, admin: Client
    ) -> None:
        ann.post(CREATE, form())
        ann.post(DELETE, {"id": "legal-desk"})
        tree = admin.get("/api/v1/users/permissions").json
        tree["workspace"]["models"] = False
        assert admin.post("/api/v1/users/default/permissions", tree).status == 200

        answer = restore(ann, 2)

        assert (answer.status, answer.detail) == (403, UNAUTHORIZED)

    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        own = {name: text for name, text in env.items() if "WORKSPACE" not in name}
        return own | {"PORTICO_PLUGINS_ONLY": "accounts,password,models,groups"}

    @pytest.fixture
    def admin(self, client: Client) -> Client:
        admin = client.sign_up("Ada")
        tree = admin.get("/api/v1/users/default/permissions").json
        tree["workspace"]["models"] = True
        assert admin.post("/api/v1/users/default/permissions", tree).status == 200
        return admin


# -- deleted accounts -----------------------------------------------------------------------------------------


def test_transfer_is_a_change_by_the_account_that_deleted_the_owner(
    ann: Client, admin: Client
) -> None:
    ann.post(CREATE, form())
    admin.delete(f"/api/v1/users/{ann.account['id']}")

    newest = versions(admin).json["items"][0]
    assert (newest["change"], newest["author"]) == ("inherited", admin.account["id"])
    assert version(admin, 2).json["document"]["user_id"] == ann.account["id"]
    assert model(admin)["user_id"] == admin.account["id"]


def test_deletion_of_an_account_with_content_deletes_versions(
    app: InProcessApp, ann: Client, admin: Client
) -> None:
    ann.post(CREATE, form())
    ann.post(CREATE, form("gone"))
    ann.post(DELETE, {"id": "gone"})
    admin.delete(f"/api/v1/users/{ann.account['id']}?delete_content=true")

    assert app.run(app.portico.database.rows, "SELECT * FROM models_version") == []
    assert versions(admin).status == 404
