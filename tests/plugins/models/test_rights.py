"""Sharing of a model in every form a client can write it: never more than requested."""

from typing import Any

import pytest
from tests.one_database import on_sqlite
from tests.plugins.models.conftest import AddGroup, form, readers, writers

from portico.testing import Client

MODELS = "/api/v1/models"
CREATE, UPDATE, IMPORT, SYNC, APPLY, TEMPLATES = (
    f"{MODELS}/{end}"
    for end in ("create", "model/update", "import", "sync", "model/apply-template", "templates")
)
STRICT = f"{IMPORT}?strict=true"


def grant(holder: Any = "*", kind: Any = "user", permission: Any = "read", **more: Any) -> Any:
    return {"principal_type": kind, "principal_id": holder, "permission": permission} | more


def granted(*grants: Any, model_id: str = "legal-desk", **more: Any) -> dict[str, Any]:
    """A preset with `access_grants` and no `access_control`."""
    model = form(model_id, access_grants=list(grants)) | more
    del model["access_control"]
    return model


def unsaid(model_id: str = "legal-desk", **more: Any) -> dict[str, Any]:
    """A preset without access fields."""
    model = form(model_id)
    del model["access_control"]
    return model | more


def seen(client: Client, model_id: str = "legal-desk") -> bool:
    return client.get(f"{MODELS}/model?id={model_id}").status == 200


def shown(client: Client, model_id: str = "legal-desk") -> Any:
    return client.get(f"{MODELS}/model?id={model_id}").json["access_control"]


#: Access fields that cannot be read.
UNREADABLE: list[dict[str, Any]] = [
    {"access_grants": None},
    {"access_grants": {}},
    {"access_grants": "public"},
    {"access_grants": [5]},
    {"access_grants": [grant(permission="write")]},
    {"access_grants": [grant(kind="group")]},
    {"access_grants": [grant(kind="role")]},
    {"access_grants": [grant(permission="admin")]},
    {"access_grants": [grant(permission=True)]},
    {"access_grants": [grant(permission="true")]},
    {"access_grants": [grant(effect="deny")]},
    {"access_grants": [{"principal_id": "*"}]},
    {"access_list": ["me"]},
    {"accessControl": {}},
    {"visibility": "private"},
]
DISAGREEING: list[dict[str, Any]] = [
    {"access_control": None, "access_grants": []},
    {"access_control": {}, "access_grants": [grant()]},
]


# -- create and update --------------------------------------------------------------------------------------


def test_create_with_empty_grants_is_private(admin: Client, ann: Client) -> None:
    assert admin.post(CREATE, granted()).json["access_control"] == {}

    assert not seen(ann)


def test_create_and_update_read_access_grants(
    admin: Client, ann: Client, bob: Client, add_group: AddGroup
) -> None:
    crew = add_group(bob)
    created = admin.post(CREATE, granted(grant(ann.account["id"]), grant(crew, "group", "write")))
    assert created.json["access_control"] == {
        "read": {"group_ids": [], "user_ids": [ann.account["id"]]},
        "write": {"group_ids": [crew], "user_ids": []},
    }
    assert seen(ann)

    assert admin.post(UPDATE, granted(grant())).json["access_control"] is None
    assert seen(bob)
    assert admin.post(UPDATE, granted()).json["access_control"] == {}
    assert not seen(ann)


def test_update_without_access_fields_keeps_sharing(
    admin: Client, ann: Client, bob: Client
) -> None:
    for rights in ({}, None, readers(ann) | writers(bob)):
        model_id = f"m{len(str(rights))}"
        before = admin.post(CREATE, form(model_id, access_control=rights)).json
        after = admin.post(UPDATE, unsaid(model_id, name="New")).json
        assert (after["name"], after["access_control"]) == ("New", before["access_control"])


def test_create_without_access_fields_is_public_only_if_author_may_share_publicly(
    admin: Client, ann: Client, bob: Client, add_group: AddGroup
) -> None:
    assert ann.post(CREATE, unsaid("anns")).json["access_control"] == {}
    assert admin.post(CREATE, unsaid("admins")).json["access_control"] is None
    add_group(bob, sharing={"public_models": True})
    assert bob.post(CREATE, unsaid("bobs")).json["access_control"] is None


@on_sqlite
@pytest.mark.parametrize("rights", UNREADABLE)
def test_create_and_update_reject_unreadable_access_fields(
    admin: Client, ann: Client, rights: dict[str, Any]
) -> None:
    (key,) = rights
    answer = admin.post(CREATE, unsaid(**rights))
    assert (answer.status, answer.detail[0]["loc"][:2]) == (422, ["body", key])
    assert not seen(admin)

    for before in (form(), form("open", access_control=None)):
        admin.post(CREATE, before)
        answer = admin.post(UPDATE, unsaid(before["id"], name="New", **rights))
        assert answer.status == 422
        assert shown(admin, before["id"]) == before["access_control"]


@pytest.mark.parametrize("rights", DISAGREEING)
def test_create_and_update_reject_contradicting_access_fields(
    admin: Client, rights: dict[str, Any]
) -> None:
    assert admin.post(CREATE, form(**rights)).status == 400
    assert not seen(admin)
    admin.post(CREATE, form())
    assert admin.post(UPDATE, form(**rights)).status == 400
    assert shown(admin) == {}


def test_create_accepts_both_access_fields_if_they_agree(admin: Client, ann: Client) -> None:
    both = form(access_control=readers(ann), access_grants=[grant(ann.account["id"])])
    assert admin.post(CREATE, both).status == 200
    assert seen(ann)


def test_create_names_missing_users_and_groups_in_a_400(admin: Client) -> None:
    for model in (
        granted(grant("no-user"), grant("no-group", "group", "write")),
        form(access_control={"read": {"user_ids": ["no-user"]}, "write": {"group_ids": ["no-group"]}}),
    ):  # fmt: skip
        answer = admin.post(CREATE, model)
        assert answer.status == 400
        assert "user no-user" in answer.detail and "group no-group" in answer.detail


def test_public_grants_without_permission_are_403(ann: Client, bob: Client) -> None:
    assert ann.post(CREATE, granted(grant())).status == 403
    assert ann.post(CREATE, granted(grant(bob.account["id"]))).status == 403
    assert not seen(ann)
    ann.post(CREATE, form())
    assert ann.post(UPDATE, granted(grant())).status == 403
    assert shown(ann) == {}


def test_update_with_access_control_keeps_grants_besides_everyone(
    admin: Client, ann: Client, bob: Client
) -> None:
    both = granted(grant(), grant(ann.account["id"], permission="write"))
    created = admin.post(CREATE, both).json
    assert created["access_control"] is None
    assert created["access_grants"] == both["access_grants"]

    back = ann.post(UPDATE, form(name="New", access_control=None))

    assert (back.status, back.json["access_grants"]) == (200, both["access_grants"])
    assert bob.post(UPDATE, form(access_control=None)).status == 403
    again = admin.post(f"{IMPORT}?dry_run=true", body=admin.get(f"{MODELS}/export").body).json
    assert again["unchanged"] == ["legal-desk"]
    assert admin.post(UPDATE, granted(grant())).json.get("access_grants") is None
    assert ann.post(UPDATE, form(access_control=None)).status == 403


# -- import and sync ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [IMPORT, SYNC])
def test_import_of_a_later_export_keeps_its_grants(
    admin: Client, ann: Client, bob: Client, path: str
) -> None:
    stored = {"id": "x", "resource_type": "model", "resource_id": "y", "created_at": 1}
    models = [
        granted(model_id="closed", user_id="someone", version_id="v"),
        granted(grant(**stored), model_id="open"),
        granted(grant(ann.account["id"], **stored), model_id="anns"),
        granted(grant("gone", "group"), grant("gone", "group", "write"), model_id="crews"),
    ]
    assert admin.post(path, {"models": models}).status == 200

    assert [shown(admin, one["id"]) for one in models] == [
        {}, None, {"read": {"group_ids": [], "user_ids": [ann.account["id"]]},
                   "write": {"group_ids": [], "user_ids": []}}, {},
    ]  # fmt: skip
    assert [seen(bob, one) for one in ("closed", "open", "anns", "crews")] == [
        False, True, False, False,
    ]  # fmt: skip


def test_import_skips_missing_principals_with_a_note_or_rejects_them(
    admin: Client,
) -> None:
    models = [
        granted(grant("no-user"), grant("no-group", "group", "write"), model_id="one"),
        form("two", access_control={"read": {"user_ids": ["no-user"]}}),
        form("three"),
    ]
    answer = admin.post(STRICT, models)
    assert answer.status == 400
    assert "models[0]" in answer.detail and "no-user" in answer.detail
    assert "models[2]" not in answer.detail
    assert not seen(admin, "three")

    report = admin.post(IMPORT, models).json

    assert report["created"] == ["one", "two", "three"]
    assert [(note["index"], note["id"]) for note in report["notes"]] == [(0, "one"), (1, "two")]
    assert "user no-user" in report["notes"][0]["note"]
    assert "group no-group" in report["notes"][0]["note"]
    assert [shown(admin, one) for one in ("one", "two", "three")] == [{}, {}, {}]
    assert admin.post(f"{SYNC}?report=1", {"models": models}).json["notes"] == report["notes"]
    assert admin.post(f"{SYNC}?strict=1", {"models": models}).status == 400


@pytest.mark.parametrize("rights", [*UNREADABLE, *DISAGREEING])
def test_import_makes_model_private_if_access_fields_are_unreadable(
    admin: Client, ann: Client, rights: dict[str, Any]
) -> None:
    admin.post(CREATE, form("open", access_control=None))
    models = [unsaid("new", **rights), form("other", access_control=None)]
    if "access_grants" in rights:
        models.append(unsaid("open", **rights))
    response = admin.post(STRICT, models)
    assert response.status in (400, 422)
    assert not seen(admin, "new")

    report = admin.post(IMPORT, models).json

    noted = {note["id"]: note["note"] for note in report["notes"]}
    assert noted.keys() == {model["id"] for model in models} - {"other"}
    assert next(reversed(rights)) in noted["new"]
    assert shown(admin, "new") == {}
    assert seen(ann, "other") and not seen(ann, "new")
    assert seen(ann, "open") is ("access_grants" not in rights)


def test_import_without_access_fields_keeps_sharing(admin: Client, ann: Client) -> None:
    admin.post(CREATE, form("open", access_control=None))
    admin.post(CREATE, form("closed"))
    for path in (IMPORT, SYNC):
        models = [unsaid("open", name="New"), unsaid("closed", name="New")]
        assert admin.post(path, {"models": models}).status == 200
        assert [seen(ann, one) for one in ("open", "closed")] == [True, False]


class TestWithThePermissionToImport:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"USER_PERMISSIONS_WORKSPACE_MODELS_IMPORT": "true"}

    def test_import_reduces_forbidden_sharing_with_a_note_or_rejects_it(
        self, ann: Client, bob: Client
    ) -> None:
        models = [
            form("public", access_control=None),
            granted(grant(bob.account["id"]), model_id="bobs"),
            granted(grant("gone"), model_id="gone"),
        ]
        assert ann.post(STRICT, models).status in (400, 403)
        assert not seen(ann, "public")

        report = ann.post(IMPORT, models).json

        assert [note["id"] for note in report["notes"]] == ["public", "bobs", "gone"]
        assert [shown(ann, one["id"]) for one in models] == [{}, {}, {}]
        assert not any(seen(bob, one["id"]) for one in models)

    def test_import_by_a_writer_without_share_permission_keeps_sharing(
        self, admin: Client, ann: Client, bob: Client
    ) -> None:
        before = admin.post(CREATE, form(access_control=readers(bob) | writers(ann))).json

        report = ann.post(IMPORT, [form(name="New", access_control=None)]).json

        assert [note["id"] for note in report["notes"]] == ["legal-desk"]
        assert shown(bob) == before["access_control"]
        assert ann.post(STRICT, [form(access_control=None)]).status == 403

    def test_imported_model_of_another_owner_belongs_to_the_importer(
        self, ann: Client, bob: Client
    ) -> None:
        assert ann.post(IMPORT, [form("mine", user_id=bob.account["id"])]).json is True
        assert not seen(bob, "mine")
        assert ann.get(f"{MODELS}/model?id=mine").json["user_id"] == ann.account["id"]


def test_import_by_administrator_keeps_existing_owners(admin: Client, ann: Client) -> None:
    models = [form("anns", user_id=ann.account["id"]), form("lost", user_id="someone")]
    for path in (IMPORT, SYNC):
        assert admin.post(path, {"models": models}).status == 200
        assert [admin.get(f"{MODELS}/model?id={one}").json["user_id"] for one in ("anns", "lost")] == [
            ann.account["id"], admin.account["id"],
        ]  # fmt: skip
        admin.delete(f"{MODELS}/delete/all")


# -- templates ----------------------------------------------------------------------------------------------


def test_model_from_template_gets_the_grants_of_the_template(
    admin: Client, ann: Client, bob: Client
) -> None:
    bare = {"id": "m", "name": "M", "base_model_id": "open-1"}
    asked = {"name": "T", "access_grants": [grant(ann.account["id"])]}
    created = admin.post(f"{TEMPLATES}/create", asked).json
    assert created["access_control"]["read"]["user_ids"] == [ann.account["id"]]
    admin.post(f"{CREATE}?template=T", bare)
    assert seen(ann, "m") and not seen(bob, "m")

    private = {"name": "T", "access_grants": []}
    assert admin.post(f"{TEMPLATES}/{created['id']}/update", private).json["access_control"] == {}
    assert admin.post(f"{CREATE}?template=T", bare | {"id": "n"}).json["access_control"] == {}
    assert admin.post(APPLY, {"id": "m", "template": "T"}).json["access_control"] == {}
    wider = {"id": "m", "template": "T", "access_grants": [grant()]}
    assert admin.post(APPLY, wider).json["access_control"] is None


def test_template_stores_grants_besides_everyone(admin: Client, ann: Client) -> None:
    grants = [grant(), grant(ann.account["id"], permission="write")]
    created = admin.post(f"{TEMPLATES}/create", {"name": "T", "access_grants": grants}).json
    assert (created["access_control"], created["access_grants"]) == (None, grants)
    model = {"id": "m", "name": "M", "base_model_id": "open-1"}
    assert admin.post(f"{CREATE}?template=T", model).json["access_grants"] == grants
    left = admin.get(f"{MODELS}/export?templates=1").json
    admin.delete(f"{TEMPLATES}/{created['id']}")
    assert admin.post(IMPORT, left).json is True
    assert admin.get(f"{TEMPLATES}/T").json["access_grants"] == grants


@pytest.mark.parametrize("rights", [*UNREADABLE, *DISAGREEING])
def test_unreadable_access_fields_of_a_template_are_rejected_or_imported_as_private(
    admin: Client, rights: dict[str, Any]
) -> None:
    assert admin.post(f"{TEMPLATES}/create", {"name": "T"} | rights).status in (400, 422)
    both = {"models": [], "templates": [{"name": "T"} | rights]}
    assert admin.post(STRICT, both).status in (400, 422)
    assert admin.get(f"{TEMPLATES}/T").status == 404

    report = admin.post(IMPORT, both).json

    assert [note["id"] for note in report["template_notes"]] == ["T"]
    assert admin.get(f"{TEMPLATES}/T").json["access_control"] == {}


def test_imported_template_skips_missing_users_with_a_note(admin: Client, ann: Client) -> None:
    grants = [grant(ann.account["id"]), grant("no-user")]
    both = {"models": [], "templates": [{"name": "T", "access_grants": grants}]}
    assert admin.post(STRICT, both).status == 400

    (note,) = admin.post(IMPORT, both).json["template_notes"]

    assert "no-user" in note["note"]
    read = admin.get(f"{TEMPLATES}/T").json["access_control"]["read"]
    assert read["user_ids"] == [ann.account["id"]]


def test_apply_template_with_forbidden_sharing_keeps_sharing(
    admin: Client, ann: Client, bob: Client
) -> None:
    admin.post(f"{TEMPLATES}/create", {"name": "T", "access_control": None, "params": {"seed": 1}})
    shared = readers(bob) | writers(ann)
    admin.post(CREATE, form(access_control=shared))

    after = ann.post(APPLY, {"id": "legal-desk", "template": "T"}).json

    assert after["params"]["seed"] == 1
    assert after["access_control"]["read"]["user_ids"] == [bob.account["id"]]
    open_to_all = {"id": "legal-desk", "template": "T", "access_control": None}
    assert ann.post(APPLY, open_to_all).status == 403


# -- the base of a shared preset -----------------------------------------------------------------------------


def test_writer_may_edit_preset_whose_base_only_the_owner_may_use(
    admin: Client, ann: Client
) -> None:
    shared = writers(ann) | readers(ann)
    admin.post(CREATE, form(base_model_id="closed-1", access_control=shared))

    edited = ann.post(UPDATE, form(name="New", base_model_id="closed-1", access_control=shared))
    assert (edited.status, edited.json["name"]) == (200, "New")
    assert ann.post(APPLY, {"id": "legal-desk", "template": "translator"}).status == 200
    version = ann.get(f"{MODELS}/model/versions?id=legal-desk").json["items"][0]["number"]
    again = ann.post(f"{MODELS}/model/restore", {"id": "legal-desk", "number": version})
    assert again.status == 200

    for base in ("no-such", "llama3:8b", None):
        other = form(base_model_id=base, access_control=shared)
        assert ann.post(UPDATE, other).status == 403
    assert ann.post(CREATE, form("mine", base_model_id="closed-1")).status == 403
    assert admin.get(f"{MODELS}/model?id=legal-desk").json["base_model_id"] == "closed-1"
    # A writer who may not use the former base cannot restore it.
    admin.post(UPDATE, unsaid())
    assert ann.post(UPDATE, unsaid(base_model_id="closed-1")).status == 403


class TestImportingWithWriteAccess:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"USER_PERMISSIONS_WORKSPACE_MODELS_IMPORT": "true"}

    def test_import_keeping_an_unusable_base_is_accepted_and_opens_nothing(
        self, admin: Client, ann: Client
    ) -> None:
        shared = writers(ann) | readers(ann)
        admin.post(CREATE, form(base_model_id="closed-1", access_control=shared))

        assert ann.post(IMPORT, [unsaid(name="New", base_model_id="closed-1")]).json is True

        assert admin.get(f"{MODELS}/model?id=legal-desk").json["name"] == "New"
        assert ann.post(IMPORT, [unsaid(base_model_id="llama3:8b")]).status == 403
        # An own preset whose base became private does not allow it either.
        admin.post(CREATE, form("open-1", base_model_id=None, access_control=None))
        ann.post(CREATE, form("low"))
        ann.post(CREATE, form("mid", base_model_id="low"))
        admin.post(UPDATE, form("open-1", base_model_id=None))
        for below in ("low", "mid"):
            two = [{"id": below, "name": "N"}, form("top", base_model_id=below)]
            assert ann.post(IMPORT, two).status == 403
        assert ann.post(IMPORT, [{"id": "low", "name": "N"}]).json is True
