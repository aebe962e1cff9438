"""A URL with a path: everything is below it, whether the proxy in front removes the path or passes it on."""

import dataclasses
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.settings.problems import BadSettings
from portico.testing import Client, InProcessApp, Response, Socket, Transport
from portico.web.middleware.base_path import checked_base_path


@dataclasses.dataclass
class Below:
    """Sends requests to paths below another one, as a browser does behind a proxy that passes the path on."""

    path: str
    transport: Transport

    def __call__(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> Response:
        return self.transport(method, self.path + target, headers, body)

    def connect(self, target: str, headers: list[tuple[str, str]]) -> Socket:
        return self.transport.connect(self.path + target, headers)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {
        "WEBUI_URL": "https://example.org/portico/",
        "GITHUB_CLIENT_ID": "portico",
        "GITHUB_CLIENT_SECRET": "secret",
        "ENABLE_OAUTH_SIGNUP": "true",
    }


@pytest.mark.parametrize("path", ["/portico", ""])
def test_everything_is_below_the_path_of_the_url(app: InProcessApp, path: str) -> None:
    client = Client(Below(path, app.client.transport))
    assert client.get("/health").json == {"status": True}
    ada = client.sign_up("Ada")
    (cookie,) = client.post(
        "/api/v1/auths/signin",
        {"email": ada.account["email"], "password": "correct horse battery staple"},
    ).cookies
    assert "; Path=/portico;" in cookie
    (deleted, *_) = ada.get("/api/v1/auths/signout").cookies
    assert "; Path=/portico;" in deleted
    ada = client.sign_in("Ada")
    for transport in ("websocket", "polling"):
        with ada.connect_socket(transport=transport) as socket:  # type: ignore[arg-type]
            joined = socket.call("user-join", {"auth": {"token": ada.token}})
            assert joined["id"] == ada.account["id"]
    assert client.get("/docs").status == 200
    assert client.get("/openapi.json").json["servers"] == [{"url": "/portico"}]
    provider = client.get("/oauth/github/login").headers["location"]
    (callback,) = parse_qs(urlsplit(provider).query)["redirect_uri"]
    assert callback == "https://example.org/portico/oauth/github/callback"
    assert client.get("/manifest.json").json["start_url"] == "/portico/"
    assert b"/portico/static/favicon.svg" in client.get("/").body
    assert client.get("/static/favicon.svg").status == 200
    assert b'"https://example.org/portico/?q={searchTerms}"' in client.get("/opensearch.xml").body
    model = ada.get("/api/v1/models/model?id=no%2Fsuch")
    assert model.status == 404


def test_only_whole_parts_of_a_path_are_removed_and_only_once(client: Client) -> None:
    for path in (
        "/porticox/health",
        "/portico/portico/health",
        "/port/health",
        "/x/portico/health",
    ):
        assert client.get(path).status == 404, path
    assert client.get("/portico").status == client.get("/portico/").status


def test_forced_https_leads_below_the_path(env: dict[str, str]) -> None:
    app = InProcessApp(env | {"FORCE_HTTPS": "true"})
    try:
        for path in ("/portico/api/config", "/api/config"):
            moved = app.client.get(f"{path}?x=1")
            assert moved.status == 308
            assert moved.headers["location"] == "https://example.org/portico/api/config?x=1"
    finally:
        app.close()


@pytest.mark.parametrize(
    "path", ["/api", "/ws/x", "/a?b=c", "/a#b", "/a//b", "/../a", "/a/.", "/a%20b", "/ä", "/a;b"]
)
def test_path_that_cannot_be_told_from_ours_is_refused(path: str) -> None:
    with pytest.raises(BadSettings, match=r"server\.url"):
        checked_base_path(f"https://example.org{path}")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("", ""),
        ("https://example.org", ""),
        ("https://example.org/", ""),
        ("https://example.org/portico/", "/portico"),
        ("https://example.org/a/b.c", "/a/b.c"),
    ],
)
def test_path_of_a_url(url: str, path: str) -> None:
    assert checked_base_path(url) == path
