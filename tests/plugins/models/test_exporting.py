"""Export: which models, in which order, and access to them."""

from typing import Any
from urllib.parse import quote

import pytest
from tests.plugins.models.conftest import AddGroup, form, readers, writers

from portico.api.messages import UNAUTHORIZED
from portico.testing import Client, InProcessApp
from portico.web.response.json_array import json_array_stream
from portico_models.transfer import exporter

CREATE, EXPORT = "/api/v1/models/create", "/api/v1/models/export"


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"USER_PERMISSIONS_WORKSPACE_MODELS_EXPORT": "true"}


def create(client: Client, model_id: str, **changes: Any) -> dict[str, Any]:
    answer = client.post(CREATE, form(model_id, **changes))
    assert answer.status == 200, answer
    return dict(answer.json)


def exported(client: Client, query: str = "") -> list[str]:
    answer = client.get(f"{EXPORT}{query}")
    assert answer.status == 200, answer
    return [model["id"] for model in answer.json]


def test_export_contains_complete_models(admin: Client) -> None:
    created = create(admin, "one", access_control=None)

    assert admin.get(EXPORT).json == [created]
    assert admin.post(EXPORT).json == [created]
    assert admin.get(EXPORT).headers["content-type"] == "application/json"


@pytest.mark.case("D-MOD-08")
def test_export_contains_own_and_writable_models(
    ann: Client, bob: Client, admin: Client, add_group: AddGroup
) -> None:
    crew = add_group(ann)
    create(ann, "own")
    create(bob, "bobs")
    create(admin, "public", access_control=None)
    create(admin, "to-read", access_control=readers(ann))
    create(admin, "to-write", access_control=writers(ann))
    create(admin, "to-write-as-crew", access_control={"write": {"group_ids": [crew]}})

    assert set(exported(ann)) == {"own", "to-write", "to-write-as-crew"}
    assert exported(bob) == ["bobs"]
    assert len(exported(admin)) == 6


@pytest.mark.both_databases
@pytest.mark.case("AB-39")
def test_export_omits_models_the_caller_may_only_read(ann: Client, admin: Client) -> None:
    create(admin, "public", access_control=None)
    create(admin, "closed", access_control=readers(ann))

    for answer in (
        ann.get(EXPORT),
        ann.get(f"{EXPORT}?id=public&id=closed"),
        ann.post(EXPORT, {"ids": ["public", "closed", "absent"]}),
    ):
        assert answer.body == b"[]"


def test_export_omits_overrides(admin: Client) -> None:
    create(admin, "closed-1", base_model_id=None)

    assert exported(admin) == []


def test_export_of_ids_keeps_their_order(admin: Client) -> None:
    for name in ("a", "b/c d", "e"):
        create(admin, name)

    assert exported(admin, f"?id=e&id={quote('b/c d', safe='')}&id=e&id=absent") == ["e", "b/c d"]
    assert exported(admin, "?id=a") == ["a"]
    answer = admin.post(EXPORT, {"ids": ["e", "a", "\x00", "", "e"]})
    assert [model["id"] for model in answer.json] == ["e", "a"]
    assert admin.post(EXPORT, {"ids": []}).json == []
    assert len(admin.post(EXPORT, {"ids": None}).json) == len(admin.post(EXPORT, {}).json) == 3


@pytest.mark.parametrize("body", [5, [], {"ids": "a"}, {"ids": [1]}])
def test_export_rejects_ids_of_a_wrong_type(admin: Client, body: Any) -> None:
    assert admin.post(EXPORT, body).status == 422


@pytest.mark.both_databases
def test_export_in_blocks_is_ordered_and_complete(
    app: InProcessApp, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "BLOCK_ROWS", 3)
    created = [form(f"m{number}", created_at=100 + number // 4) for number in reversed(range(10))]
    assert admin.post("/api/v1/models/import", created).json is True

    async def sizes() -> list[int]:
        blocks = exporter.ModelExport(app.portico.context).everything()
        return [part.count(b'"user_id"') async for part in json_array_stream(blocks)]

    assert app.run(sizes) == [3, 3, 3, 1, 0]
    assert exported(admin) == [f"m{number}" for number in range(10)]
    assert exported(admin, "?" + "&".join(f"id=m{number}" for number in range(10))) == exported(
        admin
    )


def test_export_without_admin_bypass_equals_the_list(ann: Client, admin: Client) -> None:
    create(ann, "anns")
    create(admin, "own")

    assert exported(admin) == ["anns", "own"]


class TestWithoutBypass:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"BYPASS_ADMIN_ACCESS_CONTROL": "false"}

    @pytest.mark.both_databases
    def test_administrator_without_bypass_exports_the_listed_models(
        self, ann: Client, admin: Client
    ) -> None:
        create(ann, "anns")
        create(admin, "own")

        assert exported(admin) == ["own"]


class TestWithoutThePermission:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"USER_PERMISSIONS_WORKSPACE_MODELS_EXPORT": "false"}

    def test_export_is_forbidden(self, ann: Client) -> None:
        for answer in (ann.get(EXPORT), ann.post(EXPORT)):
            assert (answer.status, answer.detail) == (403, UNAUTHORIZED)
