"""CORS: only listed origins may call, and cookies are never allowed for all origins."""

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.settings.problems import BadSettings
from portico.testing import Client
from portico.web.middleware.origins import Origins

GOOD, APP = "https://good.example", "app://portico"
ALLOWED, CREDENTIALS = "access-control-allow-origin", "access-control-allow-credentials"
UNLISTED = [
    "https://goodXexample", "https://good.example.evil.com", "https://evil-good.example", "null", "",
    "http://good.example", "https://good.example:8443", "https://GOOD.example", "https://good.example/",
    "https://good.example ", "*", "app://portico.evil", "https://good.example, https://evil.example", "file://",
]  # fmt: skip


def preflight(client: Client, origin: str) -> dict[str, str]:
    answer = client.request(
        "OPTIONS",
        "/api/v1/chats/new",
        headers={
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization, content-type",
        },
    )
    found = {n: v for n, v in answer.headers.items() if n.startswith(("access-control", "vary"))}
    return found | {"status": f"{answer.status} {answer.body.decode()}"}


def test_no_cors_headers_by_default(client: Client) -> None:
    answer = client.get("/health", headers={"origin": GOOD})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert [name for name in preflight(client, GOOD) if name.startswith("access-control")] == []


class TestListedOrigins:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {
            "CORS_ALLOW_ORIGIN": f"{GOOD}:443;{APP}",
            "CORS_ALLOW_CUSTOM_SCHEME": "app",
        }

    @pytest.mark.parametrize("origin", [GOOD, APP])
    def test_listed_origin_may_call_with_cookies(self, client: Client, origin: str) -> None:
        assert preflight(client, origin) == {
            "status": "200 OK",
            ALLOWED: origin,
            CREDENTIALS: "true",
            "access-control-allow-methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
            "access-control-allow-headers": "authorization, content-type",
            "access-control-max-age": "600",
            "vary": "Origin",
        }
        for path, status in (("/health", 200), ("/nowhere", 404), ("/api/v1/auths/", 401)):
            answer = client.get(path, headers={"origin": origin})
            found = (answer.status, answer.headers[ALLOWED], answer.headers[CREDENTIALS])
            assert found == (status, origin, "true")

    @pytest.mark.parametrize("origin", UNLISTED)
    @pytest.mark.case("AB-71")
    def test_unlisted_origin_gets_no_cors_headers(self, client: Client, origin: str) -> None:
        headers_sent = preflight(client, origin)
        assert ALLOWED not in headers_sent and CREDENTIALS not in headers_sent
        answer = client.get("/health", headers={"origin": origin})
        assert ALLOWED not in answer.headers and CREDENTIALS not in answer.headers

    @pytest.mark.case("AB-71")
    def test_response_varies_by_origin(self, client: Client) -> None:
        for headers in ({}, {"origin": GOOD}, {"origin": "https://evil.example"}):
            assert client.get("/health", headers=headers).headers["vary"] == "Origin"

    def test_only_listed_origin_may_change_data_by_cookie(self, admin: Client) -> None:
        browser = Client(admin.transport)
        for origin, status in ((GOOD, 200), ("https://goodXexample", 403)):
            headers = {
                "cookie": f"token={admin.token}",
                "origin": origin,
                "sec-fetch-site": "cross-site",
            }
            answer = browser.post("/api/v1/chats/new", {"chat": {}}, headers=headers)
            assert answer.status == status


class TestAllOrigins:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"CORS_ALLOW_ORIGIN": "*"}

    @pytest.mark.case("AB-71")
    def test_all_origins_are_allowed_without_cookies(self, admin: Client) -> None:
        headers_sent = preflight(admin, "https://evil.example")
        assert headers_sent[ALLOWED] == "*" and CREDENTIALS not in headers_sent
        answer = admin.get("/api/v1/auths/", headers={"origin": "https://evil.example"})
        assert answer.headers[ALLOWED] == "*" and CREDENTIALS not in answer.headers
        headers = {"cookie": f"token={admin.token}", "origin": "https://evil.example"}
        browser = Client(admin.transport)
        assert browser.post("/api/v1/chats/new", {"chat": {}}, headers=headers).status == 403


@pytest.mark.parametrize(
    "bad",
    [
        ["good.example"], ["https://"], ["https://good.example/"], ["https://good.example/x"], ["null"],
        ["https://a b"], ["app://x"], ["*", GOOD], ["https://*.example"], ["https://a@b"], ["://x"], ["file://"],
        ["https://good.example?x"], ["javascript:alert(1)"],
    ],
    ids=str,
)  # fmt: skip
def test_invalid_origin_stops_the_start(bad: list[str]) -> None:
    with pytest.raises(BadSettings, match="cors.allow_origins"):
        Origins(others=bad)


@pytest.mark.parametrize(
    "url", ["chat.example", "ftp://x", "https://", "https://a b", "//x", "http://["]
)
def test_invalid_server_url_stops_the_start(url: str) -> None:
    with pytest.raises(BadSettings, match="server.url"):
        Origins(url)
