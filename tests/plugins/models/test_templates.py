"""Templates: access, names, export and import."""

from typing import Any

import msgspec
import pytest
from tests.error_details import NOT_FOUND
from tests.plugins.models.conftest import actor, plugin_of, readers

from portico.api.resources import read_sharing
from portico.errors import Forbidden, InvalidRequest, ValidationError
from portico.testing import Client, InProcessApp
from portico_models.templates.schemas import ModelTemplate, TemplateForm
from portico_models.templates.service import TemplateService

TEMPLATES = "/api/v1/models/templates"
BUILT_IN = ["code-reviewer", "concise-assistant", "translator"]


def make(client: Client, name: str = "Desk", **more: Any) -> Any:
    answer = client.post(f"{TEMPLATES}/create", {"name": name} | more)
    assert answer.status == 200, answer
    return answer.json


def test_template_is_created_read_updated_and_deleted(
    ann: Client, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = make(ann, description="Lex", params={"temperature": 1}, meta={"mine": 1})
    assert created["user_id"] == ann.account["id"]
    assert (created["params"], created["meta"], created["built_in"]) == (
        {"temperature": 1},
        {"mine": 1},
        False,
    )
    assert "access_control" not in created
    address = f"{TEMPLATES}/{created['id']}"
    assert bob.get(address).json == created
    assert bob.get(f"{TEMPLATES}/DESK").json == created
    monkeypatch.setattr("portico_models.templates.service.now", lambda: created["created_at"] + 60)

    changed = ann.post(f"{address}/update", {"name": "Tax desk", "access_control": None}).json

    assert changed["access_control"] is None
    assert (changed["name"], changed["params"]) == ("Tax desk", {})
    assert changed["updated_at"] == changed["created_at"] + 60
    assert ann.delete(address).json is True
    deleted = ann.get(address)
    assert (deleted.status, deleted.detail) == (404, NOT_FOUND)
    assert ann.delete(address).status == ann.post(f"{address}/update", {"name": "x"}).status == 404


def test_template_is_readable_by_all_and_writable_by_owner_and_administrators(
    ann: Client, bob: Client, admin: Client
) -> None:
    address = f"{TEMPLATES}/{make(ann)['id']}"

    assert bob.post(f"{address}/update", {"name": "Mine"}).status == 403
    assert bob.delete(address).status == 403
    assert admin.post(f"{address}/update", {"name": "Ours"}).json["user_id"] == ann.account["id"]
    assert admin.delete(address).status == 200


def test_built_in_templates_are_listed_first_and_read_only(ann: Client, admin: Client) -> None:
    make(ann, "Z")
    make(ann, "A")

    page = ann.get(TEMPLATES).json

    assert page["total"] == 5
    assert [one["id"] for one in page["items"]][:3] == BUILT_IN
    assert [one["name"] for one in page["items"]][3:] == ["A", "Z"]
    assert [one["built_in"] for one in page["items"]] == [True] * 3 + [False] * 2
    assert all(one["params"]["system"] for one in page["items"][:3])
    for one in BUILT_IN:
        assert admin.get(f"{TEMPLATES}/{one}").json["user_id"] is None
        assert admin.post(f"{TEMPLATES}/{one}/update", {"name": "x"}).status == 403
        assert admin.delete(f"{TEMPLATES}/{one}").status == 403


def test_templates_are_listed_30_a_page(ann: Client) -> None:
    for number in range(40):
        make(ann, f"n{number:02}")

    pages = [ann.get(f"{TEMPLATES}?page={page}").json for page in (1, 2, 3)]

    assert [len(page["items"]) for page in pages] == [30, 13, 0]
    assert {page["total"] for page in pages} == {43}
    ids = [one["id"] for page in pages for one in page["items"]]
    assert len(set(ids)) == 43
    assert ann.get(f"{TEMPLATES}?page=99999999999999999999").json["items"] == []


@pytest.mark.case("AB-35")
@pytest.mark.parametrize("name", ["desk", " DESK ", "Ｄesk", "Translator", "code-reviewer"])
def test_template_name_that_looks_like_another_is_rejected(
    ann: Client, bob: Client, name: str
) -> None:
    make(ann)
    other = make(bob, "Other")["id"]

    for path in (f"{TEMPLATES}/create", f"{TEMPLATES}/{other}/update"):
        answer = bob.post(path, {"name": name})
        assert (answer.status, "name" in answer.detail) == (400, True)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": ""}, 400), ({"name": "\x00"}, 400), ({"name": "x" * 129}, 400), ({"name": 5}, 422),
        ({"description": "x" * 5000}, 400), ({"params": {"temperature": 9}}, 400), ({"params": []}, 422),
        ({"meta": {"tags": "x"}}, 422), ({"meta": None}, 422), ({"access_control": 5}, 422),
        ({"access_control": {"admin": {}}}, 422),
    ],
)  # fmt: skip
def test_invalid_template_is_rejected_and_not_stored(
    ann: Client, change: dict[str, Any], status: int
) -> None:
    assert ann.post(f"{TEMPLATES}/create", {"name": "Desk"} | change).status == status
    assert ann.get(TEMPLATES).json["total"] == 3


class TestWithoutThePermission:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"USER_PERMISSIONS_WORKSPACE_MODELS_ACCESS": "false"}

    def test_create_template_is_forbidden(self, ann: Client, admin: Client) -> None:
        assert ann.post(f"{TEMPLATES}/create", {"name": "Desk"}).status == 403
        assert ann.get(TEMPLATES).json["total"] == 3
        make(admin)


@pytest.mark.parametrize("delete_content", [False, True])
def test_templates_of_a_deleted_account_are_transferred_or_deleted(
    ann: Client, admin: Client, delete_content: bool
) -> None:
    created = make(ann)["id"]
    flag = "?delete_content=true" if delete_content else ""
    assert admin.delete(f"/api/v1/users/{ann.account['id']}{flag}").status == 200

    found = admin.get(f"{TEMPLATES}/{created}")
    assert found.status == (404 if delete_content else 200)
    if not delete_content:
        assert found.json["user_id"] == admin.account["id"]


# -- export and import --------------------------------------------------------------------------------------


def templates(app: InProcessApp) -> TemplateService:
    return plugin_of(app).templates


def import_templates(app: InProcessApp, by: Client, document: bytes) -> Any:
    forms = [
        (form, read_sharing(form, b"{}"))
        for form in msgspec.json.decode(document, type=list[TemplateForm])
    ]
    return app.run(templates(app).import_many, actor(by), forms)


def export_templates(app: InProcessApp, by: Client) -> bytes:
    found: list[ModelTemplate] = app.run(templates(app).export, actor(by))
    return msgspec.json.encode(found)


def test_exported_templates_can_be_imported(app: InProcessApp, ann: Client, admin: Client) -> None:
    created = make(ann, params={"x": 1.5}, access_control=readers(ann))
    make(ann, "Other")
    document = export_templates(app, admin)
    for one in msgspec.json.decode(document):
        assert admin.delete(f"{TEMPLATES}/{one['id']}").status == 200

    import_templates(app, admin, document)

    again = admin.get(f"{TEMPLATES}/{created['id']}").json
    new = {"user_id": "", "created_at": 0, "updated_at": 0}
    assert again | new == created | new
    assert export_templates(app, admin).count(b'"name"') == document.count(b'"name"')


def test_imported_template_replaces_one_with_same_id_or_name(
    app: InProcessApp, ann: Client
) -> None:
    by_id, by_name = make(ann, "One")["id"], make(ann, "Two")["id"]
    document = [
        {"id": by_id, "name": "Renamed", "description": "x"},
        {"id": "elsewhere", "name": "TWO", "description": "y"},
        {"id": "../odd", "name": "Three"},
    ]

    done = import_templates(app, ann, msgspec.json.encode(document))

    assert [one.id for one in done][:2] == [by_id, by_name]
    assert ann.get(f"{TEMPLATES}/{by_id}").json["name"] == "Renamed"
    assert ann.get(f"{TEMPLATES}/{by_name}").json["description"] == "y"
    assert ann.get(TEMPLATES).json["total"] == 6


@pytest.mark.case("AB-35")
@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ({"name": "x", "params": {"temperature": 9}}, InvalidRequest),
        ({"name": "x", "meta": []}, ValidationError),
        ({"name": "Translator"}, InvalidRequest),
        ({"name": "Admin's"}, Forbidden),
    ],
)
def test_templates_are_imported_all_or_none(
    app: InProcessApp, ann: Client, admin: Client, bad: dict[str, Any], error: type[Exception]
) -> None:
    make(admin, "Admin's")

    with pytest.raises(error):
        import_templates(app, ann, msgspec.json.encode([{"name": "Good"}, bad]))

    assert ann.get(TEMPLATES).json["total"] == 4
