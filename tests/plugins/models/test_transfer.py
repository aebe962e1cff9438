"""From one house to another: what arrives is what left, to the byte."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.plugins.models.conftest import Shop, form
from tests.servers import fresh_database

from portico.testing import Client, InProcessApp

EXPORT, IMPORT = "/api/v1/models/export", "/api/v1/models/import"
MANY = 10_000


@pytest.fixture
def elsewhere(
    env: dict[str, str], database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Client]:
    """The administrator of another house, which has the same sources and nothing else yet."""

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


def export(person: Client) -> bytes:
    answer = person.get(EXPORT)
    assert answer.status == 200, answer
    return answer.body


def lasting(exported: bytes) -> bytes:
    """An export without whose the models are and when they were last changed."""
    return re.sub(rb'"user_id":"[^"]*"|"updated_at":\d+', b"", exported)


def many() -> list[dict[str, Any]]:
    """Models of all sorts, each made at a time of its own."""
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
def test_ten_thousand_models_survive_export_and_import(admin: Client, elsewhere: Client) -> None:
    assert admin.post(IMPORT, many()).json is True
    left = export(admin)
    assert left.count(b'"user_id"') == MANY

    assert elsewhere.post(IMPORT, body=b'{"models":' + left + b"}").json is True

    arrived = export(elsewhere)
    assert lasting(arrived) == lasting(left)
    assert elsewhere.account["id"].encode() in arrived
    assert admin.account["id"].encode() not in arrived
    again = elsewhere.post(f"{IMPORT}?dry_run=true", body=left).json
    assert (again["created"], again["updated"], len(again["unchanged"])) == ([], [], MANY)
    listed = {entry["id"] for entry in elsewhere.get("/api/models").json["data"]}
    assert listed > {"open-1", "m00001"}


# -- any document -------------------------------------------------------------------------------------------

blanks = st.sampled_from(["", " ", "\n", "\t  "])
numbers = st.sampled_from(
    ["2.50", "1E3", "-0.0", "0.1e-7", "9" * 19, "-1", "123456789012345678901234567890", "9" * 400]
)
# Without NUL, which is taken out of every body.
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
    admin: Client, elsewhere: Client, params: str, meta: str, name: str
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

    assert elsewhere.post("/api/v1/models/sync", body=left).status == 200
    synced = export(elsewhere)
    assert elsewhere.post("/api/v1/models/model/delete", {"id": "one"}).status == 200
    assert elsewhere.post(IMPORT, body=left).json is True

    assert lasting(export(elsewhere)) == lasting(synced) == lasting(left)


# -- templates ----------------------------------------------------------------------------------------------


def test_templates_are_exported_and_imported_with_models(admin: Client, elsewhere: Client) -> None:
    template = {"name": "Brief", "params": {"temperature": 0.5}, "meta": {"description": "Short"}}
    assert admin.post("/api/v1/models/templates/create", template).status == 200
    admin.post("/api/v1/models/create", form())
    left = admin.get(f"{EXPORT}?templates=true").body
    assert [one["name"] for one in json.loads(left)["templates"]] == ["Brief"]

    would = elsewhere.post(f"{IMPORT}?dry_run=1", body=left).json
    assert (would["created"], len(would["templates"])) == (["legal-desk"], 1)
    assert elsewhere.get(f"{EXPORT}?templates=true").json == {"models": [], "templates": []}

    assert elsewhere.post(IMPORT, body=left).json is True

    arrived = elsewhere.post(f"{EXPORT}?templates=true").json
    assert [one["id"] for one in arrived["models"]] == ["legal-desk"]
    assert arrived["templates"][0]["params"] == template["params"]


@pytest.mark.parametrize(
    ("bad", "status"),
    [(5, 422), ({"params": {}}, 422), ({"name": "T", "params": {"temperature": 9}}, 400)],
)
def test_rejected_template_prevents_import_of_models(admin: Client, bad: Any, status: int) -> None:
    both = {"models": [form()], "templates": [{"name": "Good"}, bad]}

    answer = admin.post(IMPORT, both)

    assert answer.status == status
    assert "templates" in str(answer.detail) and "1" in str(answer.detail)
    would = admin.post(f"{IMPORT}?dry_run=1", both).json
    assert [one["index"] for one in would["rejected_templates"]] == [1]
    assert admin.get(f"{EXPORT}?templates=1").json == {"models": [], "templates": []}
