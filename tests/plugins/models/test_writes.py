"""Creating, updating and deleting models, and every rejected request."""

from pathlib import Path
from typing import Any

import pytest
from tests.error_details import NOT_FOUND
from tests.one_database import on_sqlite
from tests.plugins.models.conftest import AddGroup, Shop, form, readers, writers

from portico.api.messages import ACCESS_PROHIBITED, UNAUTHORIZED
from portico.testing import Client, InProcessApp
from portico_models.workspace.events import ModelChanged

TAKEN = "Uh-oh! This model id is already registered. Please choose another model id string."
CREATE, UPDATE, DELETE = (
    f"/api/v1/models/{end}" for end in ("create", "model/update", "model/delete")
)


def test_create_returns_the_complete_model(ann: Client) -> None:
    created = ann.post(CREATE, form())

    assert created.status == 200
    model = created.json
    assert list(model) == [
        "id", "user_id", "base_model_id", "name", "params", "meta",
        "access_control", "is_active", "updated_at", "created_at",
    ]  # fmt: skip
    assert model["user_id"] == ann.account["id"]
    assert model["is_active"] is True
    assert model["access_control"] == {}
    assert model["created_at"] == model["updated_at"]
    assert model["meta"] == {
        "profile_image_url": "/static/favicon.png",
        "capabilities": None,
        "description": "Lex",
        "tags": [{"name": "Lex"}],
    }
    read = ann.get("/api/v1/models/model?id=legal-desk").json
    assert read == model | {"write_access": True}


def test_params_and_meta_are_stored_byte_for_byte(ann: Client) -> None:
    params = '{"x":  1.50, "deep": {"a":[1,2 ,{}]}, "temperature":null,"é":"\\u00e9\\n"}'
    meta = '{"profile_image_url":null, "description" : null,"capabilities":{}, "mine": 1E3}'
    body = f'{{"id":"m","name":"M","base_model_id":"open-1","params":{params},"meta":{meta}}}'

    answer = ann.post(CREATE, body=body.encode())

    assert answer.status == 200
    assert f'"params":{params},"meta":{meta},'.encode() in answer.body
    assert f'"params":{params},"meta":{meta},'.encode() in ann.get("/api/v1/models/model?id=m").body


@pytest.mark.case("AB-41")
@pytest.mark.parametrize(
    "model_id", ["a/b:c.d", "../x", "модель", "🦜 polly", "a" * 256, "50%_off", "*"]
)
def test_ids_with_slashes_and_unicode_work_in_every_route(
    ann: Client, admin: Client, model_id: str
) -> None:
    from urllib.parse import quote

    assert ann.post(CREATE, form(model_id)).json["id"] == model_id
    assert ann.get(f"/api/v1/models/model?id={quote(model_id, safe='')}").json["id"] == model_id
    assert [item["id"] for item in ann.get("/api/v1/models/list").json["items"]] == [model_id]
    assert model_id in [entry["id"] for entry in ann.get("/api/models").json["data"]]
    assert ann.post(UPDATE, form(model_id, name="New")).json["name"] == "New"
    assert ann.post(DELETE, {"id": model_id}).json is True
    assert ann.get(f"/api/v1/models/model?id={quote(model_id, safe='')}").status == 404


@pytest.mark.case("AB-41")
@pytest.mark.parametrize(
    ("model_id", "detail"),
    [
        ("", "The model id is empty or holds characters that are not allowed."),
        (" ", "The model id is empty or holds characters that are not allowed."),
        ("a\nb", "The model id is empty or holds characters that are not allowed."),
        (
            "a" * 257,
            "The model id is too long. Please make sure your model id is less than 256 characters long.",
        ),
    ],
)
def test_invalid_ids_are_rejected(ann: Client, model_id: str, detail: str) -> None:
    answer = ann.post(CREATE, form(model_id))

    assert (answer.status, answer.detail) == (400, detail)
    assert ann.post(UPDATE, form(model_id)).status == 404
    assert ann.post(DELETE, {"id": model_id}).status == 404


@pytest.mark.case("AB-41")
def test_base_with_an_invalid_id_is_rejected(admin: Client) -> None:
    answer = admin.post(CREATE, form(base_model_id="a\nb"))

    assert answer.status == 400


@pytest.mark.case("AB-35")
@pytest.mark.parametrize(
    "like", ["legal-desk", "Legal-Desk", "legal-desk ", "ｌegal-desk", "legal\u200b-desk"]
)
def test_create_rejects_id_that_looks_like_another_users(
    ann: Client, bob: Client, like: str
) -> None:
    ann.post(CREATE, form())

    answer = bob.post(CREATE, form(like))

    assert (answer.status, answer.detail) == (400, TAKEN)
    assert ann.get("/api/v1/models/model?id=legal-desk").json["user_id"] == ann.account["id"]


@pytest.mark.case("AB-35")
@pytest.mark.parametrize(
    "like", ["closed-1", "CLOSED-1", " closed-1", "open-1", "llama3:8b", "llama3"]
)
def test_create_rejects_id_that_looks_like_a_source_model(
    ann: Client, admin: Client, like: str
) -> None:
    for client in (ann, admin):
        answer = client.post(CREATE, form(like))
        assert (answer.status, answer.detail) == (400, TAKEN)


@pytest.mark.case("D-MOD-01")
def test_override_requires_administrator(ann: Client, admin: Client) -> None:
    override = form("closed-1", base_model_id=None, access_control=None)

    assert (ann.post(CREATE, override).status, ann.post(CREATE, override).detail) == (
        403,
        UNAUTHORIZED,
    )
    assert admin.post(CREATE, override).status == 200
    assert [model["id"] for model in admin.get("/api/v1/models/base").json] == ["closed-1"]
    assert "closed-1" in [entry["id"] for entry in ann.get("/api/models").json["data"]]


@pytest.mark.case("D-MOD-01")
def test_preset_cannot_become_an_override(ann: Client, admin: Client) -> None:
    ann.post(CREATE, form())

    assert ann.post(UPDATE, form(base_model_id=None)).status == 403
    assert ann.post(UPDATE, form(base_model_id="")).status == 403
    assert admin.post(UPDATE, form(base_model_id=None)).status == 200


@pytest.mark.case("D-MOD-01")
def test_override_cannot_become_a_preset(admin: Client) -> None:
    admin.post(CREATE, form("closed-1", base_model_id=None))

    assert admin.post(UPDATE, form("closed-1", base_model_id="open-1")).detail == TAKEN


@pytest.mark.case("AB-36")
def test_base_the_author_may_not_use_is_rejected(ann: Client, bob: Client, admin: Client) -> None:
    bob.post(CREATE, form("bobs", base_model_id="open-1"))
    for base in ("closed-1", "no-such", "bobs"):
        answer = ann.post(CREATE, form(base_model_id=base))
        assert (answer.status, answer.detail) == (403, UNAUTHORIZED)

    assert ann.post(CREATE, form()).status == 200
    assert ann.post(UPDATE, form(base_model_id="closed-1")).status == 403
    assert admin.post(CREATE, form("x", base_model_id="closed-1")).status == 200


def test_model_cannot_be_based_on_itself(admin: Client) -> None:
    assert admin.post(CREATE, form("x", base_model_id="x")).status == 400


@on_sqlite
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("temperature", 2.1), ("temperature", "hot"), ("temperature", True), ("top_p", -0.1),
        ("min_p", 1.5), ("top_k", -1), ("top_k", 1.5), ("frequency_penalty", -3),
        ("presence_penalty", 3), ("repeat_penalty", [1]), ("max_tokens", 0), ("max_tokens", -3),
        ("num_ctx", 0), ("num_predict", -3), ("max_tokens", 40.5), ("seed", 2**63), ("stop", "x"), ("stop", ["a"] * 17),
        ("stop", [1]), ("system", "é" * 70_000), ("system", 5), ("template", {}),
        ("custom_params", []), ("reasoning_effort", 5),
    ],
)  # fmt: skip
def test_parameter_out_of_range_is_named(ann: Client, key: str, value: Any) -> None:
    for params in ({key: value}, {"other": 1, key: value}):
        answer = ann.post(CREATE, form(params=params))
        assert answer.status == 400
        assert f"params.{key} " in answer.detail


def test_parameters_at_their_limits_and_null_are_stored(ann: Client) -> None:
    params = {
        "temperature": 2, "top_p": 0, "min_p": 1.0, "top_k": 0, "repeat_penalty": -2, "max_tokens": 1,
        "num_predict": -1, "seed": -(2**63), "stop": [], "system": None, "custom_params": {"temperature": "9"},
        "num_gpu": "all", "unknown": {"temperature": 99},
    }  # fmt: skip
    assert ann.post(CREATE, form(params=params)).json["params"] == params


@on_sqlite
@pytest.mark.case("AB-33")
@pytest.mark.parametrize(
    "changes",
    [
        {"params": 5}, {"params": None}, {"params": []}, {"meta": "x"}, {"meta": None}, {"name": 5}, {"id": 1},
        {"is_active": "yes"}, {"meta": {"capabilities": []}}, {"meta": {"description": 1}},
        {"meta": {"profile_image_url": 1}}, {"base_model_id": 7},
        {"access_control": []}, {"access_control": "public"}, {"access_control": {"admin": {}}},
        {"access_control": {"read": {"group_ids": "g1"}}}, {"access_control": {"read": {"user_ids": [1]}}},
        {"access_control": {"read": {"user_ids": ["a"] * 10_000}}},
    ],
)  # fmt: skip
def test_body_of_a_wrong_type_is_422_and_stores_nothing(
    ann: Client, changes: dict[str, Any]
) -> None:
    answer = ann.post(CREATE, form(**changes))

    assert answer.status == 422
    assert answer.detail[0]["loc"][0] == "body"
    assert "input" not in answer.detail[0]
    assert ann.get("/api/v1/models/model?id=legal-desk").status == 404


@pytest.mark.case("AB-69")
@pytest.mark.parametrize("body", [b'{"params":{"a":1e999}', b'{"params":{"a":"\xff"}'])
def test_json_that_cannot_be_read_back_is_rejected(ann: Client, body: bytes) -> None:
    assert ann.post(CREATE, body=body + b',"meta":{},"id":"m","name":"M"}').status == 422


@on_sqlite
@pytest.mark.case("AB-27")
@pytest.mark.parametrize(
    "picture",
    [
        "javascript:alert(1)",
        "data:image/svg+xml;base64,AAAA",
        "data:text/html,x",
        "//evil",
        "file:///etc",
        "x" * 600_000,
    ],
)
def test_invalid_picture_is_rejected(ann: Client, picture: str) -> None:
    assert ann.post(CREATE, form(meta={"profile_image_url": picture})).status == 400


@pytest.mark.case("AB-33")
def test_sharing_with_missing_ids_is_rejected(ann: Client, add_group: AddGroup) -> None:
    add_group(ann, sharing={"models": True})

    for ids in ({"user_ids": ["*"]}, {"group_ids": ["absent"]}):
        assert ann.post(CREATE, form(access_control={"read": ids})).status == 400
    assert ann.get("/api/v1/models/model?id=legal-desk").status == 404


def test_sharing_without_permission_is_403_and_writes_nothing(
    ann: Client, bob: Client, admin: Client
) -> None:
    for asked in (None, readers(bob)):
        answer = ann.post(CREATE, form("one", access_control=asked))
        assert (answer.status, answer.detail) == (403, ACCESS_PROHIBITED)
    assert ann.get("/api/v1/models/model?id=one").status == 404

    ann.post(CREATE, form("two"))
    for asked in (None, readers(bob)):
        assert ann.post(UPDATE, form("two", name="New", access_control=asked)).status == 403
    kept = ann.get("/api/v1/models/model?id=two").json
    assert (kept["name"], kept["access_control"]) == ("Legal desk", {})
    assert admin.post(CREATE, form("three", access_control=None)).json["access_control"] is None


def test_sharing_publicly_and_with_users_have_separate_permissions(
    ann: Client, bob: Client, add_group: AddGroup
) -> None:
    add_group(ann, sharing={"models": True})
    shared = ann.post(CREATE, form("one", access_control=readers(bob))).json["access_control"]
    assert shared["read"]["user_ids"] == [bob.account["id"]]
    assert ann.post(CREATE, form("two", access_control=None)).status == 403

    add_group(ann, sharing={"public_models": True})
    assert ann.post(CREATE, form("two", access_control=None)).json["access_control"] is None


def test_update_by_a_writer_keeps_sharing_by_an_administrator(
    ann: Client, bob: Client, admin: Client
) -> None:
    both = readers(bob) | writers(ann)
    admin.post(CREATE, form(access_control=both))

    saved = ann.post(UPDATE, form(name="New", access_control=both)).json

    assert saved["name"] == "New"
    assert saved["access_control"]["read"]["user_ids"] == [bob.account["id"]]


def test_update_replaces_everything_but_id_owner_and_creation_time(
    ann: Client, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ann.post(CREATE, form()).json
    monkeypatch.setattr("portico_models.workspace.service.now", lambda: before["created_at"] + 60)

    after = admin.post(UPDATE, form(name="Tax desk", params={}, is_active=False, user_id="me")).json

    assert after["user_id"] == ann.account["id"]
    assert after["created_at"] == before["created_at"]
    assert after["updated_at"] == before["created_at"] + 60
    assert (after["name"], after["params"], after["is_active"]) == ("Tax desk", {}, False)


@pytest.mark.case("AB-39")
def test_reader_gets_no_params_and_may_not_update_or_delete(ann: Client, admin: Client) -> None:
    admin.post(CREATE, form(access_control=readers(ann)))

    seen = ann.get("/api/v1/models/model?id=legal-desk")

    assert seen.json["params"] == {}
    for answer in (ann.post(UPDATE, form()), ann.post(DELETE, {"id": "legal-desk"})):
        assert answer.status == 403
    assert b"Be brief" not in seen.body + ann.get("/api/models").body


def test_writer_may_update_delete_and_remove_own_access(ann: Client, admin: Client) -> None:
    admin.post(CREATE, form(access_control=writers(ann)))

    assert ann.post(UPDATE, form(name="Mine", access_control={})).json["name"] == "Mine"
    assert ann.post(UPDATE, form(name="Mine again")).status == 404

    admin.post(UPDATE, form(access_control=writers(ann)))
    assert ann.post(DELETE, {"id": "legal-desk"}).json is True


@pytest.mark.case("AB-40")
def test_unreadable_and_missing_models_get_equal_responses(ann: Client, bob: Client) -> None:
    bob.post(CREATE, form())

    for model_id in ("legal-desk", "absent"):
        for answer in (
            ann.get(f"/api/v1/models/model?id={model_id}"),
            ann.post(UPDATE, form(model_id)),
            ann.post(DELETE, {"id": model_id}),
        ):
            assert (answer.status, answer.detail) == (404, NOT_FOUND)
    assert bob.get("/api/v1/models/model?id=legal-desk").status == 200


def test_create_requires_permission(ann: Client, env: dict[str, str]) -> None:
    assert ann.post(CREATE, form()).status == 200


class TestWithoutThePermission:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"USER_PERMISSIONS_WORKSPACE_MODELS_ACCESS": "false"}

    def test_create_is_forbidden(self, ann: Client) -> None:
        answer = ann.post(CREATE, form())
        assert (answer.status, answer.detail) == (403, UNAUTHORIZED)


def test_delete_removes_tags_and_grants(app: InProcessApp, ann: Client, admin: Client) -> None:
    admin.post(CREATE, form(access_control=readers(ann)))

    assert admin.post(DELETE, {"id": "legal-desk"}).json is True

    database = app.portico.database
    for table in ("models_model", "models_tag", "portico_grant"):
        assert app.run(database.rows, f"SELECT * FROM {table}") == []
    assert admin.post(DELETE, {"id": "legal-desk"}).status == 404
    assert admin.post(CREATE, form()).json["access_control"] == {}


@pytest.mark.case("D-MOD-07")
def test_change_is_in_the_list_immediately(ann: Client, admin: Client, shop: Shop) -> None:
    def listed() -> list[str]:
        return [entry["name"] for entry in ann.get("/api/models").json["data"]]

    assert listed() == ["Open"]
    admin.post(CREATE, form(access_control=None))
    assert listed() == ["Open", "Legal desk"]
    admin.post(UPDATE, form(name="Tax desk", access_control=None))
    assert listed() == ["Open", "Tax desk"]
    admin.post(DELETE, {"id": "legal-desk"})
    assert listed() == ["Open"]


def test_every_change_is_published_after_commit(app: InProcessApp, admin: Client) -> None:
    from portico.events import Listener

    published: list[ModelChanged] = []
    app.portico.events.subscribe("test", [Listener(ModelChanged, published.append)])

    admin.post(CREATE, form())
    admin.post(CREATE, form())  # rejected: the id exists
    admin.post(UPDATE, form())
    admin.post(DELETE, {"id": "legal-desk"})

    assert [(event.id, event.change) for event in published] == [
        ("legal-desk", "created"),
        ("legal-desk", "updated"),
        ("legal-desk", "deleted"),
    ]


@pytest.mark.parametrize("delete_content", [False, True])
def test_models_of_a_deleted_account_are_transferred_or_deleted(
    app: InProcessApp, ann: Client, admin: Client, delete_content: bool
) -> None:
    ann.post(CREATE, form())
    root = admin.account["id"]

    async def delete() -> None:
        await app.portico.identity.accounts.delete(
            ann.account["id"], by=root, delete_content=delete_content
        )
        await app.portico.events.drain()

    app.run(delete)

    found = admin.get("/api/v1/models/model?id=legal-desk")
    assert found.status == (404 if delete_content else 200)
    if not delete_content:
        assert found.json["user_id"] == root


class TestWithAPolicyThatLeavesSharingToOwners:
    @pytest.fixture
    def env(self, env: dict[str, str], tmp_path: Path) -> dict[str, str]:
        policies = tmp_path / "policies"
        policies.mkdir()
        (policies / "sharing.csv").write_text("p, model, share, writer, deny\n")
        return env | {"PORTICO_ACCESS_POLICY_DIR": str(policies)}

    def test_writer_may_update_the_model_but_not_its_sharing(
        self, ann: Client, bob: Client, admin: Client
    ) -> None:
        shared = {**readers(bob), **writers(bob)}
        assert admin.post(CREATE, form(access_control=shared)).status == 200
        before = admin.get("/api/v1/models/model?id=legal-desk").json

        wider = {"read": {"user_ids": [bob.account["id"], ann.account["id"]]}}
        response = bob.post(UPDATE, form(name="Mine", access_control=wider))
        assert response.status == 403
        assert admin.get("/api/v1/models/model?id=legal-desk").json == before
        changed = bob.post(UPDATE, form(name="Ours", access_control=before["access_control"]))
        assert (changed.status, changed.json["name"]) == (200, "Ours")
