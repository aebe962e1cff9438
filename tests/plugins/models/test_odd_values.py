"""Values that clients of other servers store: replaced by an import, rejected by create and update."""

import base64
import json
from typing import Any

import pytest
from tests.one_database import on_sqlite
from tests.plugins.models.conftest import form

from portico.testing import Client

MODELS = "/api/v1/models"
CREATE, IMPORT, SYNC, TEMPLATES = (
    f"{MODELS}/{end}" for end in ("create", "import", "sync", "templates")
)
DEFAULT = "/static/favicon.png"
SVG = "data:image/svg+xml;base64," + base64.b64encode(b"<svg/>").decode()
ODD = [
    SVG,
    "data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg'/>",
    "data:image/jpg;base64,/9j/",
    "data:image/x-icon;base64,AAAA",
    "DATA:IMAGE/PNG;base64,AAAA",
    "data:image/png;base64," + "A" * 600_000,
    "user.png",
    "static/favicon.png",
    "./favicon.svg",
]
#: Pictures that no client stores.
HOSTILE = ["javascript:alert(1)", "data:text/html,x", "//evil/x.png", "file:///etc/x.png", "x" * 600_000]  # fmt: skip


def pictured(picture: str, model_id: str = "odd") -> dict[str, Any]:
    return form(model_id, meta={"profile_image_url": picture, "description": "Kept", "mine": 1})


def stored(client: Client, model_id: str = "odd") -> Any:
    return client.get(f"{MODELS}/model?id={model_id}").json


@pytest.mark.parametrize("path", [IMPORT, SYNC])
@pytest.mark.parametrize("picture", ODD)
def test_import_replaces_unsupported_picture_with_a_note(
    admin: Client, path: str, picture: str
) -> None:
    models = [form("good"), pictured(picture)]

    (note,) = admin.post(f"{path}?report=1", {"models": models}).json["notes"]

    assert (note["index"], note["id"]) == (1, "odd")
    assert "profile_image_url" in note["note"]
    assert picture[:30] not in note["note"]
    assert stored(admin)["meta"] == {
        "profile_image_url": DEFAULT, "description": "Kept", "mine": 1, "capabilities": None
    }  # fmt: skip
    assert stored(admin, "good")


@pytest.mark.case("AB-27")
@pytest.mark.parametrize("picture", HOSTILE)
def test_import_rejects_picture_that_no_client_stores(admin: Client, picture: str) -> None:
    for path in (IMPORT, SYNC):
        answer = admin.post(path, {"models": [form("good"), pictured(picture)]})
        assert (answer.status, "models[1]" in answer.detail) == (400, True)
    assert admin.get(f"{MODELS}/list").json["total"] == 0


@on_sqlite
@pytest.mark.case("AB-27")
@pytest.mark.parametrize("picture", [*ODD, *HOSTILE])
def test_create_and_update_reject_unsupported_pictures(admin: Client, picture: str) -> None:
    assert admin.post(CREATE, pictured(picture)).status == 400
    admin.post(CREATE, form("odd"))
    assert admin.post(f"{MODELS}/model/update", pictured(picture)).status == 400
    assert stored(admin)["meta"]["profile_image_url"] == DEFAULT


def test_template_with_unsupported_picture_gets_the_default_one(admin: Client) -> None:
    template = {"name": "T", "meta": {"profile_image_url": SVG, "description": "Kept"}}

    created = admin.post(f"{TEMPLATES}/create", template)
    assert created.json["meta"] == {"profile_image_url": DEFAULT, "description": "Kept"}
    assert "profile_image_url" in created.json["notes"][0]
    changed = admin.post(f"{TEMPLATES}/{created.json['id']}/update", template).json
    assert changed["meta"]["profile_image_url"] == DEFAULT
    assert "notes" not in admin.get(f"{TEMPLATES}/T").json

    report = admin.post(IMPORT, {"models": [], "templates": [template]}).json
    assert [(note["index"], note["id"]) for note in report["template_notes"]] == [(0, "T")]
    hostile = {"name": "U", "meta": {"profile_image_url": HOSTILE[0]}}
    assert admin.post(IMPORT, {"models": [], "templates": [hostile]}).status == 400


@pytest.mark.parametrize("value", [-1, -2])
@pytest.mark.parametrize("key", ["max_tokens", "num_ctx", "num_predict"])
def test_unlimited_is_accepted_by_create_update_and_import(
    admin: Client, key: str, value: int
) -> None:
    assert admin.post(IMPORT, [form("a", params={key: value})]).json is True
    assert stored(admin, "a")["params"] == {key: value}
    assert admin.post(CREATE, form("b", params={key: value})).json["params"] == {key: value}
    assert admin.post(IMPORT, [form("c", params={key: -3})]).status == 400
    template = {"name": "T", "params": {key: value}}
    assert admin.post(f"{TEMPLATES}/create", template).json["params"] == {key: value}


def test_integer_parameter_written_as_float_is_stored_as_integer(admin: Client) -> None:
    body = json.dumps([form("a", params={"top_k": 0, "x": 0})]).encode()
    odd = (
        b'{"top_k":40.0,"max_tokens":-1.0,"seed":1e3,"num_ctx":4096.0,"temperature":1.0,"x": 40.0}'
    )
    body = body.replace(b'{"top_k": 0, "x": 0}', odd)

    assert admin.post(IMPORT, body=body).json is True

    kept = admin.get(f"{MODELS}/model?id=a").body
    assert b'"params":{"top_k":40,"max_tokens":-1,"seed":1000,"num_ctx":4096,' in kept
    assert b'"temperature":1.0,"x":40.0}' in kept
    assert admin.post(CREATE, form("b", params={"top_k": 40.0})).json["params"] == {"top_k": 40}
    assert admin.post(IMPORT, [form("c", params={"top_k": 40.5})]).status == 400
    assert admin.post(IMPORT, [form("c", params={"seed": 1e300})]).status == 400
