"""Import: results, permissions, and all or nothing."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from tests.plugins.models.conftest import AddGroup, form, readers, writers

from portico.api.auth import Actor
from portico.api.messages import MODEL_ID_TAKEN, UNAUTHORIZED
from portico.events import Listener
from portico.testing import Client, InProcessApp, Response
from portico_models.transfer.items import check_items
from portico_models.transfer.options import ImportOptions
from portico_models.workspace.events import ModelChanged

CREATE, IMPORT = "/api/v1/models/create", "/api/v1/models/import"


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"USER_PERMISSIONS_WORKSPACE_MODELS_IMPORT": "true"}


def import_models(client: Client, *models: Any) -> Response:
    return client.post(IMPORT, {"models": list(models)})


def dry_run(client: Client, *models: Any) -> Any:
    answer = client.post(f"{IMPORT}?dry_run=true", {"models": list(models)})
    assert answer.status == 200, answer
    return answer.json


def stored(client: Client, model_id: str) -> Any:
    answer = client.get(f"/api/v1/models/model?id={model_id}")
    return answer.json if answer.status == 200 else None


def models_of(app: InProcessApp) -> list[str]:
    rows = app.run(app.portico.database.rows, "SELECT id FROM models_model ORDER BY id")
    return [row["id"] for row in rows]


# -- results ------------------------------------------------------------------------------------------------


def test_imported_new_models_belong_to_the_caller_and_keep_creation_time(ann: Client) -> None:
    model = form("one", user_id="me", created_at=1_700_000_000, updated_at=5, extra=[1])

    assert import_models(ann, model).json is True

    one = stored(ann, "one")
    assert one["user_id"] == ann.account["id"]
    assert one["created_at"] == 1_700_000_000
    assert one["updated_at"] > 1_700_000_000
    assert one["params"] == model["params"]


def test_imported_new_model_gets_defaults_for_absent_keys(ann: Client) -> None:
    assert import_models(ann, {"id": "one", "name": "One", "base_model_id": "open-1"}).json is True

    one = stored(ann, "one")
    assert (one["params"], one["is_active"], one["access_control"]) == ({}, True, {})
    assert one["meta"]["profile_image_url"] == "/static/favicon.png"
    assert one["created_at"] == one["updated_at"]


def test_import_merges_into_an_existing_model(ann: Client) -> None:
    ann.post(CREATE, form("one", is_active=False))
    before = stored(ann, "one")

    assert import_models(ann, {"id": "one", "name": "New", "created_at": 7}).json is True

    assert stored(ann, "one") == before | {
        "name": "New",
        "updated_at": stored(ann, "one")["updated_at"],
    }
    assert import_models(ann, {"id": "one", "params": {"top_k": 5}, "is_active": True}).json is True
    assert stored(ann, "one")["params"] == {"top_k": 5}
    assert stored(ann, "one")["meta"] == before["meta"]


@pytest.mark.parametrize("unusable", [{}, {"id": ""}, {"id": None}, {"id": 5}, {"id": ["a"]}])
def test_import_skips_objects_without_usable_id_with_a_note(ann: Client, unusable: Any) -> None:
    answer = import_models(ann, form("one"), unusable | {"name": "X", "params": 5})

    assert (answer.json["created"], answer.json["skipped"]) == (["one"], 1)
    assert [(note["index"], note["id"]) for note in answer.json["notes"]] == [(1, None)]
    assert dry_run(ann, unusable)["skipped"] == 1
    assert stored(ann, "one")


def test_import_accepts_a_plain_list_and_an_empty_one(ann: Client) -> None:
    assert ann.post(IMPORT, [form("one")]).json is True
    assert ann.post(IMPORT, []).json is ann.post(IMPORT, {"models": []}).json is True
    assert stored(ann, "one")


def test_import_does_not_write_unchanged_models(app: InProcessApp, ann: Client) -> None:
    import_models(ann, form("one", access_control=None), form("two"))
    published: list[ModelChanged] = []
    app.portico.events.subscribe("test", [Listener(ModelChanged, published.append)])

    assert import_models(ann, form("one"), form("two", name="New")).json is True

    assert [(event.id, event.change) for event in published] == [("two", "updated")]


def test_import_publishes_changes_and_updates_the_list(app: InProcessApp, admin: Client) -> None:
    admin.post(CREATE, form("one"))
    published: list[ModelChanged] = []
    app.portico.events.subscribe("test", [Listener(ModelChanged, published.append)])

    import_models(admin, form("one", name="New"), form("two"))

    assert {(event.id, event.change) for event in published} == {
        ("one", "updated"),
        ("two", "created"),
    }
    names = [entry["name"] for entry in admin.get("/api/models").json["data"]]
    assert names[-2:] == ["New", "Legal desk"]


def test_import_stores_versions(app: InProcessApp, admin: Client) -> None:
    admin.post(CREATE, form("one"))
    import_models(admin, form("one", name="New"))

    rows = app.run(
        app.portico.database.rows,
        "SELECT change, document FROM models_version WHERE model_id = 'one' ORDER BY number",
    )
    assert [row["change"] for row in rows] == ["created", "imported"]
    assert json.loads(rows[1]["document"])["name"] == "Legal desk"


# -- all or none --------------------------------------------------------------------------------------------


@pytest.mark.case("D-MOD-10")
def test_import_with_one_invalid_model_writes_nothing(app: InProcessApp, admin: Client) -> None:
    admin.post(CREATE, form("m0007", name="Old"))
    models = [form(f"m{number:04}") for number in range(1000)]
    for broken, status in (
        ({"params": {"temperature": 3}}, 400),
        ({"base_model_id": "m0999"}, 400),
        ({"id": "closed-1"}, 400),
        ({"params": []}, 422),
        ({"access_control": {"read": {"user_ids": ["absent"]}}}, 400),
    ):
        every = [*models[:999], models[999] | broken]
        answer = admin.post(f"{IMPORT}?strict=true", {"models": every})
        assert answer.status == status
        assert "999" in str(answer.detail)
        assert models_of(app) == ["m0007"]
        assert stored(admin, "m0007")["name"] == "Old"


def test_import_reports_every_error_with_position_and_field(admin: Client) -> None:
    answer = import_models(
        admin,
        form("one", params={"temperature": 9}, name="x" * 5000),
        form("two"),
        form("a\nb"),
        form("two"),
        form("four", created_at=-1),
        form("five", base_model_id="six"),
        form("six", base_model_id="five"),
    )

    assert answer.status == 400
    for published in (
        "models[0]: params.temperature", "models[0]: name", "models[2]: ", "models[3]: id",
        "models[4]: created_at", "models[5]: base_model_id", "models[6]: base_model_id",
    ):  # fmt: skip
        assert published in answer.detail
    assert "models[1]" not in answer.detail.replace("that of models[1]", "")


def test_import_reports_wrong_types_as_422_with_position(admin: Client) -> None:
    answer = import_models(
        admin, 5, form("one", params=[]), form("two", is_active="yes", name=None)
    )

    assert answer.status == 422
    assert [fault["loc"] for fault in answer.detail] == [
        ["body", "models", 0],
        ["body", "models", 1, "params"],
        ["body", "models", 2, "name"],
    ]
    alone = admin.post(IMPORT, [{"id": "new"}])
    assert (alone.status, alone.detail[0]["loc"]) == (422, ["body", 0, "name"])


def test_import_reports_at_most_fifty_errors(admin: Client) -> None:
    values = import_models(admin, *(form(f"m{number}", created_at=-1) for number in range(70)))
    assert values.detail.count("created_at") == 50
    assert "; and 20 more" in values.detail
    assert len(import_models(admin, *range(70)).detail) == 50


@pytest.mark.parametrize(
    "body", [b"5", b"{}", b'{"models":{}}', b'{"models":5}', b"[", b'["\\ud800"]']
)
def test_import_rejects_a_body_without_models(admin: Client, body: bytes) -> None:
    assert admin.post(IMPORT, body=body).status == 422


@pytest.mark.case("AB-69")
@pytest.mark.parametrize(
    "text", ['"a\\u0000b"', '"\\ud800"', "1e999", "9" * 400, "-0.0", '"' + "x" * 600_000 + '"']
)
@pytest.mark.parametrize("field", ["id", "name", "base_model_id", "created_at", "params", "meta"])
def test_import_answers_hostile_values_with_client_errors(
    admin: Client, field: str, text: str
) -> None:
    value = f'{{"k":{text}}}' if field in ("params", "meta") else text
    others = {"id": '"m"', "name": '"M"', "base_model_id": '"open-1"', "params": "{}", "meta": "{}"}
    body = ",".join(f'"{key}":{one}' for key, one in (others | {field: value}).items())

    answer = admin.post(IMPORT, body=f"[{{{body}}}]".encode())

    assert answer.status in (200, 400, 422)
    assert admin.get("/api/v1/models/export").status == 200


def test_import_body_has_its_own_size_limit(admin: Client) -> None:
    assert admin.post(IMPORT, body=b"[" + b" " * (40 << 20) + b"]").json is True
    assert admin.post(IMPORT, body=b"[" + b" " * (64 << 20) + b"]").status == 413


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" + b"1," * 2_000_001 + b"1]", 413),
        (b"[" + b"{}," * 100_000 + b"{}]", 400),
        (b'{"models":[],"templates":[' + b"{}," * 1000 + b"{}]}", 400),
        (b"[" + b"5," * 99_999 + b"5]", 422),
    ],
)
def test_import_body_with_too_many_elements_is_413(admin: Client, body: bytes, status: int) -> None:
    assert admin.post(IMPORT, body=body).status == status


# -- dry run ------------------------------------------------------------------------------------------------


def test_dry_run_reports_and_writes_nothing(app: InProcessApp, ann: Client, bob: Client) -> None:
    bob.post(CREATE, form("bobs"))
    ann.post(CREATE, form("same"))
    ann.post(CREATE, form("other"))
    bad = form("bad", params={"seed": "x"})

    ring = form("ring", base_model_id="ring")

    report = dry_run(
        ann, form("new"), form("same"), form("other", name="N"), form("bobs"), bad, {}, 5, ring
    )

    rejected = report.pop("rejected")
    assert report.pop("notes") == [{"index": 5, "id": None, "note": "it has no id; skipped"}]
    assert report == {"created": ["new"], "updated": ["other"], "unchanged": ["same"], "skipped": 1}
    assert [(one["index"], one["id"]) for one in rejected] == [
        (3, "bobs"),
        (4, "bad"),
        (6, None),
        (7, "ring"),
    ]
    assert "params.seed" in rejected[1]["reason"]
    assert models_of(app) == ["bobs", "other", "same"]
    assert stored(ann, "other")["name"] == "Legal desk"


# -- permissions --------------------------------------------------------------------------------------------


@pytest.mark.case("D-MOD-02")
def test_import_does_not_overwrite_models_of_other_users(
    ann: Client, bob: Client, admin: Client
) -> None:
    bob.post(CREATE, form("bobs"))
    admin.post(CREATE, form("to-read", access_control=readers(ann)))

    for target in ("bobs", "to-read"):
        answer = import_models(ann, form("mine"), form(target, name="Taken"))
        assert (answer.status, "models[1]" in answer.detail) == (403, True)

    assert stored(bob, "bobs")["name"] == stored(admin, "to-read")["name"] == "Legal desk"
    assert stored(ann, "mine") is None


def test_import_updates_writable_models_and_keeps_their_owner(ann: Client, admin: Client) -> None:
    shared = writers(ann) | readers(ann)
    admin.post(CREATE, form("shared", access_control=shared))

    changed = {"id": "shared", "name": "New", "user_id": ann.account["id"]}
    assert import_models(ann, changed).json is True

    assert stored(ann, "shared")["name"] == "New"
    assert stored(ann, "shared")["user_id"] == admin.account["id"]
    assert stored(ann, "shared")["access_control"]["write"]["user_ids"] == [ann.account["id"]]


@pytest.mark.case("AB-35")
@pytest.mark.parametrize("like", ["closed-1", "CLOSED-1", "open-1", "llama3", "llama3:8b"])
def test_import_rejects_ids_of_source_models(ann: Client, admin: Client, like: str) -> None:
    for client in (ann, admin):
        answer = import_models(client, form(like))
        assert answer.status == 400
        assert MODEL_ID_TAKEN in answer.detail


@pytest.mark.case("AB-35")
@pytest.mark.parametrize("like", ["Legal-Desk", "legal-desk ", "ｌegal-desk"])
def test_import_rejects_ids_that_look_alike(ann: Client, bob: Client, like: str) -> None:
    bob.post(CREATE, form())

    assert f"models[0]: {MODEL_ID_TAKEN}" in import_models(ann, form(like)).detail
    assert (
        "models[1]: id is, or looks like" in import_models(ann, form("mine"), form("MINE")).detail
    )


@pytest.mark.case("D-MOD-01")
def test_import_of_overrides_requires_override_permission(ann: Client, admin: Client) -> None:
    override = form("closed-1", base_model_id=None)

    for model in (override, override | {"base_model_id": ""}, {"id": "new", "name": "N"}):
        answer = import_models(ann, model)
        assert (answer.status, UNAUTHORIZED in answer.detail) == (403, True)
    ann.post(CREATE, form("mine"))
    assert import_models(ann, {"id": "mine", "base_model_id": None}).status == 403

    assert import_models(admin, override).json is True
    assert MODEL_ID_TAKEN in import_models(admin, form("closed-1")).detail


@pytest.mark.case("AB-36")
def test_import_does_not_open_a_private_base(ann: Client, bob: Client, admin: Client) -> None:
    bob.post(CREATE, form("bobs"))
    for base in ("closed-1", "bobs", "absent"):
        answer = import_models(ann, form("mine", base_model_id=base))
        assert (answer.status, UNAUTHORIZED in answer.detail) == (403, True)
    # Nor through a model in the same import.
    two = import_models(
        ann, form("top", base_model_id="step"), form("step", base_model_id="closed-1")
    )
    assert two.status == 403
    assert "models[0]" not in two.detail
    # Nor through an own model that was created while the base was public.
    admin.post(CREATE, form("open-1", base_model_id=None, access_control=None))
    ann.post(CREATE, form("mine"))
    admin.post("/api/v1/models/model/update", form("open-1", base_model_id=None))
    assert (
        import_models(ann, form("top", base_model_id="mine"), {"id": "mine", "name": "N"}).status
        == 403
    )


@pytest.mark.case("AB-36")
def test_write_access_does_not_allow_use_as_base(ann: Client, admin: Client) -> None:
    admin.post(CREATE, form("step", access_control=writers(ann)))

    models = (form("top", base_model_id="step"), {"id": "step", "name": "Mine now"})

    assert import_models(ann, *models).status == 403


def test_import_accepts_bases_in_the_same_import_in_any_order(ann: Client, admin: Client) -> None:
    assert import_models(
        ann, form("top", base_model_id="mid"), form("mid", base_model_id="low"), form("low")
    )
    assert stored(ann, "top")["base_model_id"] == "mid"
    listed = {entry["id"] for entry in ann.get("/api/models").json["data"]}
    assert listed >= {"top", "mid", "low"}


@pytest.mark.both_databases
def test_import_rejects_a_cycle_of_bases(admin: Client) -> None:
    admin.post(CREATE, form("b", base_model_id="open-1"))
    admin.post(CREATE, form("a", base_model_id="b"))

    ring = (
        form("x", base_model_id="y"),
        form("y", base_model_id="z"),
        form("z", base_model_id="x"),
    )
    assert import_models(admin, form("self", base_model_id="self")).status == 400
    assert import_models(admin, *ring).detail.count("models[") == 3
    assert import_models(admin, form("b", base_model_id="a")).status == 400
    tower = [form("t0")] + [form(f"t{n}", base_model_id=f"t{n - 1}") for n in range(1, 9)]
    assert import_models(admin, *tower).status == 400
    assert import_models(admin, *tower[:-1]).json is True
    assert import_models(admin, tower[-1]).status == 400


@pytest.mark.case("D-MOD-04")
def test_import_makes_models_private_without_share_permission(
    ann: Client, bob: Client, add_group: AddGroup
) -> None:
    to_bob = form("two", access_control=readers(bob))
    import_models(
        ann,
        form("one", access_control=None),
        to_bob,
        {"id": "three", "name": "3", "base_model_id": "open-1"},
    )
    assert [stored(ann, one)["access_control"] for one in ("one", "two", "three")] == [{}, {}, {}]
    assert dry_run(ann, form("one", access_control=None))["unchanged"] == ["one"]

    add_group(ann, sharing={"models": True})
    import_models(ann, form("one", access_control=None), to_bob)
    assert stored(ann, "one")["access_control"] == {}
    assert stored(ann, "two")["access_control"]["read"]["user_ids"] == [bob.account["id"]]


@pytest.mark.case("AB-33")
@pytest.mark.parametrize(
    ("access_control", "status"),
    [
        ("public", 422), ([], 422), ({"admin": {}}, 422), ({"read": {"group_ids": "g1"}}, 422),
        ({"read": {"user_ids": [1]}}, 422), ({"read": {"user_ids": ["a"] * 10_000}}, 422),
        ({"read": {"user_ids": ["*"]}}, 400), ({"write": {"group_ids": ["none"]}}, 400),
    ],
)  # fmt: skip
def test_invalid_access_control_is_rejected(
    admin: Client, access_control: Any, status: int
) -> None:
    models = [form("ok"), form("one", access_control=access_control)]
    answer = admin.post(f"{IMPORT}?strict={str(status == 400).lower()}", {"models": models})

    assert answer.status == status
    assert "access_control" in str(answer.detail)
    assert stored(admin, "ok") is None


def test_import_can_skip_unknown_principals_without_notes(admin: Client, ann: Client) -> None:
    both = {"read": {"user_ids": ["gone", ann.account["id"]], "group_ids": ["none"]}}
    models = [
        form("one", access_control=both),
        form("two", access_control={"write": {"user_ids": ["x"]}}),
    ]
    assert admin.post(f"{IMPORT}?strict=true", models).status == 400

    assert admin.post(f"{IMPORT}?skip_unknown_principals=true", models).json is True

    assert stored(admin, "one")["access_control"]["read"] == {
        "group_ids": [],
        "user_ids": [ann.account["id"]],
    }
    assert stored(admin, "two")["access_control"] == {}
    again = admin.post(f"{IMPORT}?skip_unknown_principals=true&dry_run=true", models).json
    assert again["unchanged"] == ["one", "two"]


def test_imported_grants_are_audited(app: InProcessApp, admin: Client, bob: Client) -> None:
    import_models(admin, form("one", access_control=readers(bob)), form("two", access_control=None))

    rows = app.run(
        app.portico.database.rows,
        "SELECT resource_id, author FROM portico_audit WHERE event = 'grant.changed' ORDER BY resource_id",
    )
    assert [(row["resource_id"], row["author"]) for row in rows] == [
        ("one", admin.account["id"]),
        ("two", admin.account["id"]),
    ]


class TestWithoutThePermission:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"USER_PERMISSIONS_WORKSPACE_MODELS_IMPORT": "false"}

    def test_import_is_forbidden(self, ann: Client) -> None:
        answer = import_models(ann, form("one"))
        assert (answer.status, answer.detail) == (403, UNAUTHORIZED)
        assert ann.post(f"{IMPORT}?dry_run=1", []).status == 403


# -- load on other requests ---------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["models", "templates"])
def test_import_of_a_model_with_too_many_values_writes_nothing(
    ann: Client, app: InProcessApp, key: str
) -> None:
    wide = form("wide", params={"nested": [[]] * 50_000})
    before = models_of(app)

    answer = ann.post(IMPORT, {"models": [form("small")], key: [form("small"), wide]})

    assert answer.status == 422
    assert "has more than 100000 values in it" in str(answer.detail)
    assert models_of(app) == before


def test_import_yields_to_other_tasks_between_large_objects() -> None:
    many = [
        msgspec.Raw(json.dumps(form(f"m{n}", params={"nested": [[]] * 30_000})).encode())
        for n in range(10)
    ]

    async def others_turns() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(count())
        root = Actor("root", "root@example.org", "Root", "admin", "", "")
        batch = await check_items(many, ImportOptions(actor=root))
        task.cancel()
        assert len(batch.items) == len(many)
        return turns

    assert asyncio.run(others_turns()) >= len(many)


# -- sizes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["params", "meta"])
def test_imported_object_over_the_limit_of_forms_is_refused_by_name(ann: Client, name: str) -> None:
    large = form("large", **{name: {"x": "a" * (4 << 20)}})

    answer = import_models(ann, form("one"), large)

    assert answer.status == 400
    assert f"models[1]: {name} is over 4194304 bytes" in answer.detail
    assert stored(ann, "one") is None


def test_imported_picture_of_megabytes_is_replaced(ann: Client) -> None:
    picture = "data:image/png;base64," + "A" * (5 << 20)

    answer = import_models(ann, form("one", meta={"profile_image_url": picture}))

    assert "profile_image_url" in answer.json["notes"][0]["note"]
    assert stored(ann, "one")["meta"]["profile_image_url"] == "/static/favicon.png"


def test_imported_model_over_16_mib_is_refused(ann: Client) -> None:
    answer = import_models(ann, form("one", meta={"x": "a" * (16 << 20)}))

    assert answer.status == 413
    assert "is over 16 MiB" in answer.detail
