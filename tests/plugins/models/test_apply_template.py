"""Models created from templates, and templates applied to models."""

import threading
from typing import Any
from urllib.parse import quote

import pytest
from tests.plugins.models.conftest import AddGroup, form, readers, writers

from portico.testing import Client

MODELS = "/api/v1/models"
CREATE, UPDATE, APPLY = (
    f"{MODELS}/{end}" for end in ("create", "model/update", "model/apply-template")
)
BARE = {"id": "m", "name": "M", "base_model_id": "open-1"}


@pytest.fixture
def template(admin: Client) -> str:
    """The id of a template with every field."""
    document = {
        "name": "Lex desk",
        "params": {"system": "Be brief.", "temperature": 0.5, "deep": {"a": 1}},
        "meta": {"description": "Lex", "tags": [{"name": "Lex"}]},
        "access_control": None,
    }
    return str(admin.post(f"{MODELS}/templates/create", document).json["id"])


@pytest.mark.both_databases
def test_create_from_template_lets_values_of_the_caller_win(admin: Client, template: str) -> None:
    more = {"params": {"temperature": 1, "deep": {"b": 2}}, "meta": {"description": "Mine"}}

    created = admin.post(f"{CREATE}?template={template}", BARE | more).json

    assert created["params"] == {"system": "Be brief.", "temperature": 1, "deep": {"b": 2}}
    assert created["meta"]["description"] == "Mine"
    assert created["meta"]["tags"] == [{"name": "Lex"}]
    assert created["meta"]["profile_image_url"] == "/static/favicon.png"
    assert created["access_control"] is None
    assert admin.get(f"{MODELS}/list?tag=lex").json["total"] == 1
    private = BARE | {"id": "n", "access_control": {}}
    assert admin.post(f"{CREATE}?template={template}", private).json["access_control"] == {}


@pytest.mark.parametrize("key", ["Lex desk", "lex DESK", "translator", "Translator"])
def test_create_finds_template_by_id_or_name(admin: Client, template: str, key: str) -> None:
    created = admin.post(f"{CREATE}?template={quote(key)}", BARE)
    assert (created.status, bool(created.json["params"]["system"])) == (200, True)


@pytest.mark.parametrize("key", ["absent", "a%00b", "x" * 400, "%20"])
def test_create_from_missing_template_is_404_and_creates_nothing(ann: Client, key: str) -> None:
    assert ann.post(f"{CREATE}?template={key}", BARE).status == 404
    ann.post(CREATE, form())
    assert ann.post(APPLY, {"id": "legal-desk", "template": "absent"}).status == 404
    assert ann.get(f"{MODELS}/list").json["total"] == 1


def test_create_without_template_requires_all_fields(ann: Client) -> None:
    for name in ("params", "meta"):
        body = form()
        del body[name]
        answer = ann.post(CREATE, body)
        assert answer.status == 422
        assert answer.detail == [
            {"type": "missing", "loc": ["body", name], "msg": "Field required"}
        ]
    for bad in ([], None, 5):
        answer = ann.post(f"{CREATE}?template=translator", BARE | {"params": bad})
        assert (answer.status, answer.detail[0]["loc"]) == (422, ["body", "params"])
    assert ann.post(f"{CREATE}?template=translator", BARE | {"params": {"top_p": 2}}).status == 400


@pytest.mark.case("D-MOD-04")
def test_create_from_template_shares_only_as_the_caller_may(
    ann: Client, template: str, add_group: AddGroup
) -> None:
    assert ann.post(f"{CREATE}?template={template}", BARE).json["access_control"] == {}
    add_group(ann, sharing={"public_models": True})
    assert (
        ann.post(f"{CREATE}?template={template}", BARE | {"id": "n"}).json["access_control"] is None
    )


@pytest.mark.case("AB-36")
def test_create_from_template_does_not_open_a_private_base(ann: Client, template: str) -> None:
    answer = ann.post(f"{CREATE}?template={template}", BARE | {"base_model_id": "closed-1"})
    assert answer.status == 403


def test_create_from_template_skips_deleted_users(ann: Client, bob: Client, admin: Client) -> None:
    shared = {"read": {"user_ids": [ann.account["id"], bob.account["id"]]}}
    named = {"name": "Crew", "access_control": shared}
    assert admin.post(f"{MODELS}/templates/create", named).status == 200
    admin.delete(f"/api/v1/users/{bob.account['id']}")

    created = admin.post(f"{CREATE}?template=crew", BARE).json

    assert created["access_control"]["read"]["user_ids"] == [ann.account["id"]]


def test_apply_template_overrides_model_except_values_of_the_caller(
    admin: Client, template: str
) -> None:
    params = {"system": "Old", "temperature": 0.1, "top_k": 5}
    before = admin.post(CREATE, form(params=params, meta={"mine": 1, "description": "Old"})).json
    asked = {"id": "legal-desk", "template": template, "params": {"temperature": 2, "new": 1}}

    after = admin.post(APPLY, asked)

    assert after.status == 200
    assert after.json["params"] == {
        "system": "Be brief.", "temperature": 2, "top_k": 5, "deep": {"a": 1}, "new": 1,
    }  # fmt: skip
    assert after.json["meta"]["description"] == "Lex"
    assert after.json["meta"]["mine"] == 1
    assert after.json["access_control"] is None
    assert (after.json["name"], after.json["base_model_id"]) == (before["name"], "open-1")
    kept = admin.get(f"{MODELS}/model/version?id=legal-desk&number=2").json["document"]
    assert kept == before
    closed = asked | {"access_control": {}}
    assert admin.post(APPLY, closed).json["access_control"] == {}


def test_apply_template_without_access_fields_keeps_sharing(
    ann: Client, bob: Client, admin: Client
) -> None:
    shared = readers(bob) | writers(ann)
    before = admin.post(CREATE, form(access_control=shared)).json

    after = ann.post(APPLY, {"id": "legal-desk", "template": "translator"}).json

    assert after["access_control"] == before["access_control"]
    assert after["params"]["system"] != before["params"]["system"]


@pytest.mark.case("AB-40")
def test_apply_template_requires_write_access(ann: Client, bob: Client, admin: Client) -> None:
    admin.post(CREATE, form(access_control=readers(ann)))
    assert ann.post(APPLY, {"id": "legal-desk", "template": "translator"}).status == 403
    answers = [
        bob.post(APPLY, {"id": one, "template": "translator"}) for one in ("legal-desk", "absent")
    ]
    assert {one.status for one in answers} == {404}
    assert answers[0].body == answers[1].body


@pytest.mark.both_databases
def test_concurrent_apply_template_calls_are_both_applied(admin: Client) -> None:
    for name in ("a", "b", "c", "d"):
        created = {"name": name, "params": {name: 1}}
        assert admin.post(f"{MODELS}/templates/create", created).status == 200
    admin.post(CREATE, form(params={}))
    answers: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda key=key: answers.append(
                admin.post(APPLY, {"id": "legal-desk", "template": key})
            )
        )
        for key in "abcd"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status for answer in answers] == [200] * 4
    params = admin.get(f"{MODELS}/model?id=legal-desk").json["params"]
    assert params == {"a": 1, "b": 1, "c": 1, "d": 1}
