"""The address of the administrators' webhook."""

import json

import pytest
from tests.one_database import on_sqlite

from portico.db import fetch_all
from portico.testing import Client, InProcessApp

WEBHOOK = "/api/webhook"
URL = "https://hooks.slack.com/services/T0/B0/very-secret"


def test_address_is_stored_encrypted_and_masked_in_the_audit_log(
    app: InProcessApp, admin: Client
) -> None:
    assert admin.get(WEBHOOK).json == {"url": "", "pinned": False}
    assert admin.post(WEBHOOK, {"url": f"  {URL} "}).json == {"url": URL, "pinned": False}
    assert admin.get(WEBHOOK).json["url"] == URL

    (row,) = app.run(fetch_all, "SELECT * FROM portico_configuration WHERE name LIKE '%webhook%'")
    assert row["value"] == "" and "very-secret" not in row["encrypted"]
    audit = admin.get("/api/v1/audit?action=setting.changed").json
    assert "WEBHOOK_URL" in json.dumps(audit) and "very-secret" not in json.dumps(audit)

    exported = json.dumps(admin.get("/api/v1/configs/export").json)
    assert "very-secret" not in exported

    assert admin.post(WEBHOOK, {"url": ""}).json["url"] == ""
    assert admin.get(WEBHOOK).json["url"] == ""


@on_sqlite
@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/hook",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "example.org/hook",
        "https://",
        "https://user:password@example.org/hook",
        "https://example.org/a b",
        "https://example.org/\r\nX: y",
    ],
)
def test_address_that_is_not_http_is_refused_by_name(admin: Client, url: str) -> None:
    admin.post(WEBHOOK, {"url": URL})
    answer = admin.post(WEBHOOK, {"url": url})
    assert answer.status == 400
    assert "WEBHOOK_URL" in answer.json["detail"] and "password@" not in answer.json["detail"]
    assert admin.get(WEBHOOK).json["url"] == URL


@on_sqlite
def test_address_of_another_shape_is_unprocessable(admin: Client) -> None:
    for body in ({}, {"url": None}, {"url": ["https://example.org"]}, {"url": "h" * 5000}):
        assert admin.post(WEBHOOK, body).status == 422, body


@on_sqlite
def test_address_of_the_environment_wins_and_says_so(app: InProcessApp, admin: Client) -> None:
    assert admin.get(WEBHOOK).json == {"url": URL, "pinned": True}
    refused = admin.post(WEBHOOK, {"url": "https://example.org/mine"})
    assert refused.status == 400 and "environment" in refused.json["detail"]
    assert admin.post(WEBHOOK, {"url": URL}).json == {"url": URL, "pinned": True}


@pytest.fixture
def env(env: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    pinned = "environment_wins" in request.node.name
    return env | ({"WEBHOOK_URL": URL} if pinned else {})


def test_address_which_may_hold_a_secret_is_never_compressed(admin: Client) -> None:
    url = f"https://hooks.example.org/{'x' * 2000}"
    for method, form in (("POST", {"url": url}), ("GET", None)):
        answer = admin.request(method, WEBHOOK, json=form, headers={"accept-encoding": "gzip"})
        assert answer.json["url"] == url
        assert "content-encoding" not in answer.headers
