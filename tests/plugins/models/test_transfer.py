"""Export and import between two servers, byte for byte."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.effort import examples
from tests.plugins.models.conftest import Shop, form
from tests.servers import fresh_database

from portico.testing import Client, InProcessApp

EXPORT, IMPORT = "/api/v1/models/export", "/api/v1/models/import"
MANY = examples(10_000)


@pytest.fixture
def target(
    env: dict[str, str], database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Client]:
    """The administrator of another server with the same sources and no models."""

    def opened(changes: dict[str, str]) -> Iterator[Client]:
        app = InProcessApp(env | {"DATA_DIR": str(tmp_path / "elsewhere")} | changes)
        app.portico.catalogue.add_source("test", Shop())
        yield app.client.sign_up("Eve")
        app.close()

    if not database_url:
        yield from opened({})
        return
    with fresh_database(request.getfixturevalue("postgres")) as url:
        yield from opened({"DATABASE_URL": url})


def export(client: Client) -> bytes:
    answer = client.get(EXPORT)
    assert answer.status == 200, answer
    return answer.body


def lasting(exported: bytes) -> bytes:
    """An export without owners and update times."""
    return re.sub(rb'"user_id":"[^"]*"|"updated_at":\d+', b"", exported)


def many() -> list[dict[str, Any]]:
    """Models of all kinds with different creation times."""
    return [
        form(
            f"m{number:05}",
            name=f"Model {number} – é",
            base_model_id="open-1" if number % 10 else f"m{(number + 1) % MANY:05}",
            params={"system": "Be brief. " * 20, "temperature": number % 20 / 10, "n": number},
            meta={"description": "x" * (number % 100), "tags": [{"name": f"T{number % 7}"}]},
            access_control=None if number % 3 else {},
            is_active=number % 5 > 0,
            created_at=1_700_000_000 + number // 2,
        )
        for number in range(MANY)
    ]


@pytest.mark.timeout(120)
def test_thousands_of_models_survive_export_and_import(admin: Client, target: Client) -> None:
    assert admin.post(IMPORT, many()).json is True
    left = export(admin)
    assert left.count(b'"user_id"') == MANY

    assert target.post(IMPORT, body=b'{"models":' + left + b"}").json is True

    imported = export(target)
    assert lasting(imported) == lasting(left)
    assert target.account["id"].encode() in imported
    assert admin.account["id"].encode() not in imported
    again = target.post(f"{IMPORT}?dry_run=true", body=left).json
    assert (again["created"], again["updated"], len(again["unchanged"])) == ([], [], MANY)
    listed = {entry["id"] for entry in target.get("/api/models").json["data"]}
    assert listed > {"open-1", "m00001"}


# -- any document -------------------------------------------------------------------------------------------

blanks = st.sampled_from(["", " ", "\n", "\t  "])
numbers = st.sampled_from(
    ["2.50", "1E3", "-0.0", "0.1e-7", "9" * 19, "-1", "123456789012345678901234567890", "9" * 400]
)
# Without NUL, which is removed from every body.
strings = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8).map(
    json.dumps
) | st.sampled_from(['"\\u00e9\\/"', '"é\\ud83d\\ude00"', '"a\u2028b"', '"\\"\\\\"'])


def together(left: str, right: str, parts: list[str], blank: str) -> str:
    return f"{left}{blank}{f'{blank},'.join(parts)}{blank}{right}"


def members(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.builds(lambda k, blank, v: f"{k}{blank}:{v}", strings, blanks, values)
    return st.builds(together, st.just("{"), st.just("}"), st.lists(pairs, max_size=4), blanks)


values = st.recursive(
    numbers | strings | st.sampled_from(["true", "null"]),
    lambda inner: (
        members(inner)
        | st.builds(together, st.just("["), st.just("]"), st.lists(inner, max_size=3), blanks)
    ),
    max_leaves=8,
)
documents = members(values)


@given(params=documents, meta=documents, name=strings)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_accepted_model_survives_export_and_import_byte_for_byte(
    admin: Client, target: Client, params: str, meta: str, name: str
) -> None:
    model = f'{{"id":"one","name":{name},"base_model_id":"open-1","params":{params},"meta":{meta}}}'
    admin.post("/api/v1/models/model/delete", {"id": "one"})
    created = admin.post("/api/v1/models/create", body=model.encode())
    if created.status != 200:
        assert created.status in (400, 422)
        return
    left = export(admin)
    assert left == b"[" + created.body + b"]"
    assert params.encode() in left

    assert target.post("/api/v1/models/sync", body=left).status == 200
    synced = export(target)
    assert target.post("/api/v1/models/model/delete", {"id": "one"}).status == 200
    assert target.post(IMPORT, body=left).json is True

    assert lasting(export(target)) == lasting(synced) == lasting(left)


# -- templates ----------------------------------------------------------------------------------------------


def test_templates_are_exported_and_imported_with_models(admin: Client, target: Client) -> None:
    template = {"name": "Brief", "params": {"temperature": 0.5}, "meta": {"description": "Short"}}
    assert admin.post("/api/v1/models/templates/create", template).status == 200
    admin.post("/api/v1/models/create", form())
    left = admin.get(f"{EXPORT}?templates=true").body
    assert [one["name"] for one in json.loads(left)["templates"]] == ["Brief"]

    planned = target.post(f"{IMPORT}?dry_run=1", body=left).json
    assert (planned["created"], len(planned["templates"])) == (["legal-desk"], 1)
    assert target.get(f"{EXPORT}?templates=true").json == {"models": [], "templates": []}

    assert target.post(IMPORT, body=left).json is True

    imported = target.post(f"{EXPORT}?templates=true").json
    assert [one["id"] for one in imported["models"]] == ["legal-desk"]
    assert imported["templates"][0]["params"] == template["params"]


@pytest.mark.parametrize(
    ("bad", "status"),
    [(5, 422), ({"params": {}}, 422), ({"name": "T", "params": {"temperature": 9}}, 400)],
)
def test_rejected_template_prevents_import_of_models(admin: Client, bad: Any, status: int) -> None:
    both = {"models": [form()], "templates": [{"name": "Good"}, bad]}

    answer = admin.post(IMPORT, both)

    assert answer.status == status
    assert "templates" in str(answer.detail) and "1" in str(answer.detail)
    planned = admin.post(f"{IMPORT}?dry_run=1", both).json
    assert [one["index"] for one in planned["rejected_templates"]] == [1]
    assert admin.get(f"{EXPORT}?templates=1").json == {"models": [], "templates": []}
