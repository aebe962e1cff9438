"""Models without a picture show the same one wherever a client shows it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.boot import Application
from portico.testing import Client, InProcessApp

PICTURE = "/api/v1/models/model/profile/image"
PNG = b"\x89PNG\r\n\x1a\n"
FORM: dict[str, Any] = {
    "id": "plain", "name": "Plain", "base_model_id": None, "meta": {}, "params": {}, "access_control": None,
}  # fmt: skip


def shown_pictures(client: Client, admin: Client) -> set[bytes]:
    """What is shown of a model: at the address in its meta, which its editor uses, and at the route that all lists use."""
    address = admin.get("/api/v1/models/model?id=plain").json["meta"]["profile_image_url"]
    at_address = client.get(address)
    assert (at_address.status, at_address.headers["content-type"]) == (200, "image/png")
    pictures = [admin.get(f"{PICTURE}?id={one}") for one in ("plain", "of-a-source", "")]
    assert {one.headers["content-type"] for one in pictures} == {"image/png"}
    return {at_address.body, *(one.body for one in pictures)}


def test_models_without_a_picture_show_the_same_one_everywhere(
    client: Client, admin: Client
) -> None:
    assert admin.post("/api/v1/models/create", FORM).status == 200
    (picture,) = shown_pictures(client, admin)
    assert picture.startswith(PNG)


def test_models_without_a_picture_show_the_one_of_the_web_client(
    env: dict[str, str], complete_schema: Callable[[Application], None], tmp_path: Path
) -> None:
    built = tmp_path / "built"
    (built / "static").mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html>")
    (built / "static/favicon.png").write_bytes(PNG + b"of the client")
    app = InProcessApp(env | {"PORTICO_FRONTEND_DIR": str(built)}, complete_schema)
    try:
        ada = app.client.sign_up("Ada")
        assert ada.post("/api/v1/models/create", FORM).status == 200
        assert shown_pictures(app.client, ada) == {PNG + b"of the client"}
        again = ada.get(PICTURE).headers["etag"]
        assert ada.get(PICTURE, headers={"if-none-match": again}).status == 304
    finally:
        app.close()


def test_page_in_place_of_the_clients_picture_is_not_shown_as_one(
    env: dict[str, str], complete_schema: Callable[[Application], None], tmp_path: Path
) -> None:
    built = tmp_path / "built"
    (built / "static").mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html>")
    (built / "static/favicon.png").write_text("<svg onload=alert(1)/>")
    app = InProcessApp(env | {"PORTICO_FRONTEND_DIR": str(built)}, complete_schema)
    try:
        assert app.client.sign_up("Ada").get(PICTURE).body.startswith(PNG)
    finally:
        app.close()
