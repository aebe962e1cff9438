"""Forced HTTPS: redirects and refusals of requests over plain HTTP."""

from typing import Any

import pytest
from tests.one_database import on_sqlite

from portico.testing import PASSWORD, Client

HTTPS = {"x-forwarded-proto": "https"}
FORM = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD}


@pytest.fixture
def url() -> str:
    return ""


@pytest.fixture
def env(env: dict[str, str], url: str) -> dict[str, str]:
    forced = {"FORCE_HTTPS": "true", "FORWARDED_ALLOW_IPS": "127.0.0.1", "WEBUI_URL": url}
    return env | forced


def redirect_of(client: Client, path: str, **headers: Any) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status == 308
    assert "strict-transport-security" not in answer.headers
    return answer.headers["location"]


def test_get_and_head_are_redirected_to_https(client: Client) -> None:
    assert redirect_of(client, "/c/1?a=b&c=%20") == "https://testserver/c/1?a=b&c=%20"
    assert redirect_of(client, "/", host="chat.example.org:8080") == "https://chat.example.org/"
    assert redirect_of(client, "/", host="[2001:db8::1]:80") == "https://[2001:db8::1]/"
    assert client.request("HEAD", "/x").status == 308


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "/%0d%0aset-cookie:a=b", "/@evil.example"]
)
@pytest.mark.case("AB-78")
def test_redirect_stays_on_the_host(client: Client, path: str) -> None:
    assert redirect_of(client, path) == f"https://testserver{path}"


@on_sqlite
@pytest.mark.parametrize(
    "host", ["evil.example/", "a@evil.example", "evil example", "evil.example#", "a\tb", ""]
)
@pytest.mark.case("AB-78")
def test_invalid_host_is_refused(client: Client, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status in (400, 403) and "location" not in answer.headers


def test_other_methods_over_http_are_refused(client: Client) -> None:
    answer = client.post("/api/v1/auths/signup", FORM)
    assert answer.status == 403 and answer.detail == "This server is used over HTTPS only."
    assert client.request("DELETE", "/api/v1/chats/").status == 403


def test_health_routes_answer_over_http(client: Client) -> None:
    for path in ("/health", "/health/db", "/ready"):
        assert client.get(path).status == 200


def test_https_requests_are_served_with_hsts(client: Client) -> None:
    answer = client.post("/api/v1/auths/signup", FORM, headers=HTTPS)
    assert answer.status == 200
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert answer.headers["set-cookie"].count("Secure") == 1


class TestWithServerUrl:
    @pytest.fixture
    def url(self) -> str:
        return "https://chat.example.org:8443/path"

    def test_redirect_goes_to_server_url(self, client: Client) -> None:
        assert (
            redirect_of(client, "/x", host="evil.example") == "https://chat.example.org:8443/path/x"
        )


@pytest.mark.parametrize(
    "name", ["x-forwarded-proto", "forwarded", "x-forwarded-ssl", "front-end-https"]
)
def test_forged_headers_do_not_avoid_the_redirect(env: dict[str, str], name: str) -> None:
    from portico.testing import InProcessApp

    app = InProcessApp(env | {"FORWARDED_ALLOW_IPS": "192.0.2.1", "DATABASE_URL": ""})
    try:
        headers = {name: "for=192.0.2.1;proto=https" if name == "forwarded" else "https"}
        assert app.client.get("/api/v1/auths/", headers=headers).status == 308
    finally:
        app.close()
