"""The list of presets: its content and its query parameters."""

import time
from typing import Any
from urllib.parse import quote

import pytest
from tests.one_database import on_sqlite
from tests.plugins.models.conftest import AddGroup, Shop, form, readers, writers

from portico.testing import Client, InProcessApp

LIST = "/api/v1/models/list"


def create(author: Client, model_id: str, **changes: Any) -> None:
    answer = author.post("/api/v1/models/create", form(model_id, **changes))
    assert answer.status == 200, answer


def ids(reader: Client, query: str = "") -> list[str]:
    answer = reader.get(f"{LIST}{query}")
    assert answer.status == 200, answer
    assert answer.json["total"] >= len(answer.json["items"])
    return [item["id"] for item in answer.json["items"]]


@pytest.mark.case("D-MOD-08")
def test_list_contains_own_public_and_writable_presets(
    ann: Client, bob: Client, admin: Client, add_group: AddGroup
) -> None:
    crew = add_group(ann)
    create(ann, "own")
    create(admin, "public", access_control=None)
    create(admin, "to-write", access_control=writers(ann))
    create(admin, "to-write-as-crew", access_control={"write": {"group_ids": [crew]}})
    create(admin, "to-read", access_control=readers(ann))
    create(admin, "closed")
    create(bob, "bobs")

    assert set(ids(ann)) == {"own", "public", "to-write", "to-write-as-crew"}
    assert set(ids(bob)) == {"bobs", "public"}
    assert len(ids(admin)) == 7


@pytest.mark.case("D-MOD-03")
def test_list_shows_params_to_writers_and_emails_to_administrators(
    ann: Client, admin: Client
) -> None:
    create(ann, "own")
    create(admin, "public", access_control=None)

    items = {item["id"]: item for item in ann.get(LIST).json["items"]}

    assert items["own"]["params"] == {"system": "Be brief.", "temperature": 0.2}
    assert items["public"]["params"] == {}
    assert items["own"]["user"]["email"] == "ann@example.org"
    assert items["public"]["user"] == {
        "id": admin.account["id"],
        "name": "Ada",
        "role": "admin",
        "email": "",
    }
    assert admin.get(LIST).json["items"][0]["user"]["email"]


def test_list_omits_overrides(admin: Client) -> None:
    create(admin, "closed-1", base_model_id=None)

    assert ids(admin) == []


@pytest.mark.both_databases
def test_list_page_has_30_models_and_the_total(admin: Client) -> None:
    for number in range(33):
        create(admin, f"m{number:02}")

    first, second = admin.get(f"{LIST}?page=1").json, admin.get(f"{LIST}?page=2").json

    assert (len(first["items"]), len(second["items"])) == (30, 3)
    assert first["total"] == second["total"] == 33
    both = [item["id"] for item in first["items"] + second["items"]]
    assert len(set(both)) == 33
    assert ids(admin, "?page=3") == []


@pytest.mark.case("D-MOD-11")
def test_list_orders_equal_values_by_id(admin: Client) -> None:
    for name in ("b", "c", "a"):
        create(admin, name, name="same")

    assert ids(admin, "?order_by=name&direction=asc") == ["a", "b", "c"]
    assert ids(admin, "?order_by=name&direction=;drop") == ["a", "b", "c"]


def test_list_order_by_name_ignores_case(admin: Client) -> None:
    for name in ("beta", "Alpha", "Gamma"):
        create(admin, name, name=name)

    assert ids(admin, "?order_by=name&direction=asc") == ["Alpha", "beta", "Gamma"]
    assert ids(admin, "?order_by=name") == ["Gamma", "beta", "Alpha"]


def test_search_matches_name_and_base_in_any_case(admin: Client) -> None:
    create(admin, "one", name="ÄRZTE 100%")
    create(admin, "two", name="Other_thing", base_model_id="closed-1")
    create(admin, "three", name="Otherwise")

    assert ids(admin, f"?query={quote('ärzte')}") == ["one"]
    assert ids(admin, "?query=CLOSED") == ["two"]
    by_name = "order_by=name&direction=asc"
    assert ids(admin, f"?query=&{by_name}") == ids(admin, f"?{by_name}") == ["two", "three", "one"]
    assert ids(admin, "?query=nothing") == []


@pytest.mark.case("AB-42")
def test_search_escapes_wildcards(admin: Client) -> None:
    create(admin, "one", name="100%")
    create(admin, "two", name="a_b!")
    create(admin, "three", name="aXb")

    assert ids(admin, f"?query={quote('%')}") == ["one"]
    assert ids(admin, "?query=a_b") == ["two"]
    assert ids(admin, "?query=!") == ["two"]
    assert ids(admin, "?query=%00") != []


def test_tag_filter_matches_whole_tags_in_any_case(ann: Client) -> None:
    create(
        ann, "one", meta={"tags": [{"name": "Lex"}, {"name": "lex"}, {"name": " "}], "note": "tax"}
    )
    create(ann, "two", meta={"tags": None, "suggestion": [{"name": "Lex"}]})

    assert ids(ann, "?tag=LEX") == ["one"]
    assert ids(ann, "?tag=la") == []
    assert ids(ann, "?tag=tax") == []


@pytest.mark.both_databases
def test_view_option_filters_by_owner(ann: Client, admin: Client) -> None:
    create(ann, "own")
    create(admin, "public", access_control=None)

    assert ids(ann, "?view_option=created") == ["own"]
    assert ids(ann, "?view_option=shared") == ["public"]
    assert len(ids(ann, "?view_option=all")) == 2


@pytest.mark.case("AB-42")
@pytest.mark.parametrize("page", ["0", "-1", "100000000000000000000", "99999999999999999"])
def test_page_out_of_range_is_clamped(ann: Client, page: str) -> None:
    create(ann, "own")

    assert ids(ann, f"?page={page}") == (["own"] if len(page) < 3 else [])


@on_sqlite
@pytest.mark.case("AB-42")
@pytest.mark.parametrize(
    "query",
    [
        "page=abc",
        "page=1e20",
        "order_by=__class__",
        "order_by=password",
        f"query={'x' * 100_000}",
        f"tag={'x' * 2000}",
    ],
)
def test_invalid_list_query_is_422(ann: Client, query: str) -> None:
    assert ann.get(f"{LIST}?{query}").status == 422


class TestWithoutTheBypass:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"BYPASS_ADMIN_ACCESS_CONTROL": "false"}

    @pytest.mark.both_databases
    def test_administrator_without_bypass_lists_shared_models_and_may_delete(
        self, ann: Client, admin: Client
    ) -> None:
        create(ann, "anns")
        create(admin, "own")

        assert ids(admin) == ["own"]
        assert admin.get("/api/v1/models/model?id=anns").status == 404
        assert admin.post("/api/v1/models/model/delete", {"id": "anns"}).json is True


def test_base_lists_require_administrator(ann: Client, admin: Client) -> None:
    create(admin, "closed-1", base_model_id=None)

    for path in ("/api/models/base", "/api/v1/models/base"):
        assert ann.get(path).status == 403
    offered = admin.get("/api/models/base").json["data"]
    assert [entry["id"] for entry in offered] == ["open-1", "closed-1", "llama3:8b"]
    assert [model["id"] for model in admin.get("/api/v1/models/base").json] == ["closed-1"]


@pytest.mark.parametrize("path", ["/api/models", "/api/v1/models", "/api/v1/models/"])
def test_model_list_has_two_paths_and_refreshes(ann: Client, path: str, shop: Any) -> None:
    assert [entry["id"] for entry in ann.get(path).json["data"]] == ["open-1"]
    shop.cards = shop.cards[1:]

    assert ann.get(f"{path}?refresh=true").json["data"] == []
    assert ann.get(f"{path}?refresh=maybe").status == 422


def test_lists_require_sign_in(client: Client) -> None:
    for path in ("/api/models", LIST, "/api/v1/models/model?id=x"):
        assert client.get(path).status == 401


def test_revision_is_shared_between_processes(app: InProcessApp, admin: Client) -> None:
    from portico.catalogue import WorkspaceModels
    from portico_models.records.change_log import ChangeLog

    records = app.portico.context.services.require(WorkspaceModels)
    other_changes = ChangeLog()
    before = app.run(other_changes.revision)
    assert app.run(records.revision) == before

    create(admin, "one")

    assert app.run(records.revision) == before + 1  # immediately in the process that wrote
    other_changes._revision_expires_at = 0  # after 0.3 s in other processes
    assert app.run(other_changes.revision) == before + 1


@pytest.mark.case("D-MOD-14")
def test_missing_base_hides_presets_and_is_marked_in_the_owners_list(
    shop: Shop, admin: Client, bob: Client
) -> None:
    public = {"base_model_id": "closed-1", "access_control": None}
    assert admin.post("/api/v1/models/create", form("below", **public)).status == 200
    for model_id in ("above", "off"):
        created = form(model_id, base_model_id="below", access_control=None)
        assert admin.post("/api/v1/models/create", created).status == 200
    assert admin.post("/api/v1/models/model/toggle?id=off").status == 200

    def base_availability(reader: Client) -> dict[str, bool | None]:
        items = reader.get("/api/v1/models/list?order_by=name").json["items"]
        return {item["id"]: item.get("base_available") for item in items}

    def offered(reader: Client) -> set[str]:
        assert admin.get("/api/models?refresh=true").status == 200
        return {one["id"] for one in reader.get("/api/models").json["data"]} & {"below", "above"}

    without_base_availability = {"below": None, "above": None, "off": None}
    assert offered(bob) == offered(admin) == {"below", "above"}
    assert base_availability(admin) == {"below": True, "above": True, "off": None}
    assert base_availability(bob) == without_base_availability

    card = shop.cards.pop(1)
    assert offered(bob) == offered(admin) == set()
    deadline = time.monotonic() + 10  # pages are cached for a few seconds
    while (found := base_availability(admin)) != {"below": False, "above": False, "off": None}:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    assert base_availability(bob) == without_base_availability

    shop.cards.insert(1, card)
    assert admin.post("/api/v1/models/model/toggle?id=below").status == 200
    assert offered(bob) == set()
    assert base_availability(admin) == {"below": None, "above": False, "off": None}
