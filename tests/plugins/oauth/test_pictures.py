"""Profile pictures: fetched from public addresses only; the access token is sent to the provider only."""

import base64
from types import SimpleNamespace
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.oauth.authorization_server import AuthorizationServer
from tests.plugins.oauth.browser import Browser

from portico.api import FetchRefused, FetchResult, Secret
from portico.api.auth import ExternalIdentity
from portico.testing import InProcessApp
from portico_oauth.login.avatars import Avatars
from portico_oauth.protocol.login_result import LoginResult
from portico_oauth.protocol.registration import Registration
from portico_oauth.registrations import registrations
from portico_oauth.settings import OAuthSettings

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20
VALID = FetchResult(200, "image/png", PNG)
INTERNAL_URLS = [
    "http://{own}/picture", "https://{own}/picture", "https://127.0.0.1/x", "https://[::1]/x",
    "https://[::ffff:7f00:1]/x", "https://0x7f.1/x", "https://2130706433/x", "https://169.254.169.254/latest",
    "https://168.63.129.16/x", "https://100.64.0.1/x", "https://[64:ff9b::7f00:1]/x", "https://localhost/x",
    "file:///etc/passwd", "data:image/svg+xml,<svg/>", "javascript:alert(1)", "//evil", "https:evil", "\\\\evil",
    "", "x" * 9000, 7, None, {"url": "x"}, "https://user:pass@picture.example/x",
]  # fmt: skip


@pytest.mark.case("AB-45")
@pytest.mark.usefixtures("admin")
def test_picture_from_internal_address_is_not_fetched(
    browser: Browser, provider_server: AuthorizationServer, env: dict[str, str]
) -> None:
    env["OAUTH_UPDATE_PICTURE_ON_LOGIN"] = "true"
    own = provider_server.url.removeprefix("http://")
    for number, address in enumerate(INTERNAL_URLS):
        picture = address.replace("{own}", own) if isinstance(address, str) else address
        provider_server.claims |= {
            "sub": f"p{number}",
            "email": f"p{number}@example.org",
            "picture": picture,
        }
        assert browser.sign_in().account["profile_image_url"] == "/user.png", address
    assert not provider_server.requests_to("/picture")


class FakeHTTP:
    """Stands in for `app.safe_http`."""

    def __init__(self, answer: FetchResult | None) -> None:
        self.answer = answer
        self.requests: list[tuple[str, dict[str, Any]]] = []

    async def get(self, url: str, **options: Any) -> FetchResult:
        self.requests.append((url, options))
        if self.answer is None:
            raise FetchRefused
        return self.answer


async def no_account(*_: str) -> None:
    """Stands in for `links.account_id` of a new subject."""


async def linked_account(*_: str) -> str:
    return "ada-id"


def registration(name: str) -> Registration:
    given = {f"{name}_client_id": "id", f"{name}_client_secret": Secret("s")}
    if name == "microsoft":
        given["microsoft_tenant_id"] = "common"
    [found] = registrations(OAuthSettings(**given))  # type: ignore[arg-type]
    return found


def fetch_picture(
    http: FakeHTTP,
    app: InProcessApp,
    claims: dict[str, Any],
    *,
    provider: str = "google",
    known: bool = False,
    **settings: Any,
) -> str | None:
    """Return the picture of the identity with these claims."""
    links = SimpleNamespace(account_id=linked_account if known else no_account)
    stand_in: Any = SimpleNamespace(safe_http=http, identity=SimpleNamespace(links=links))
    result = LoginResult(
        claims=claims,
        token={"access_token": "secret"},
        hosts=frozenset({"provider.example", "provider.example:8443"}),
    )
    identity = ExternalIdentity(subject="s", email="a@b.c", name="A")
    avatars = Avatars(stand_in, OAuthSettings(**settings))
    found: ExternalIdentity = app.run(
        avatars.with_picture, identity, result, registration(provider)
    )
    return found.picture


PROVIDER_URL, OTHER_URL = "https://Provider.example/p.png", "https://cdn.example/p.png"


def test_picture_is_stored_as_data_url(app: InProcessApp) -> None:
    http = FakeHTTP(VALID)
    found = fetch_picture(http, app, {"picture": OTHER_URL})
    assert found == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    _, options = http.requests[0]
    assert options["https_only"] is True and options["largest"] <= 192 * 1024
    assert set(options["types"]) == {"image/png", "image/jpeg", "image/gif", "image/webp"}


@pytest.mark.parametrize(
    ("address", "given"),
    [
        (PROVIDER_URL, True),
        ("https://provider.example:8443/p", True),
        (OTHER_URL, False),
        ("https://provider.example.evil.example/p", False),
        ("https://provider.example:9000/p", False),
        ("https://evil.example/provider.example", False),
        ("https://provider.example@evil.example/p", False),
    ],
)
def test_access_token_is_sent_to_provider_hosts_only(
    app: InProcessApp, address: str, given: bool
) -> None:
    http = FakeHTTP(VALID)
    fetch_picture(http, app, {"picture": address})
    assert ("Authorization" in http.requests[0][1]["headers"]) is given


def test_microsoft_picture_is_fetched_with_access_token(app: InProcessApp) -> None:
    http = FakeHTTP(VALID)
    assert fetch_picture(http, app, {"picture": OTHER_URL}, provider="microsoft")
    url, options = http.requests[0]
    assert url.startswith("https://graph.microsoft.com/")
    assert options["headers"] == {"Authorization": "Bearer secret"}


def test_github_picture_is_read_from_avatar_url(app: InProcessApp) -> None:
    http = FakeHTTP(VALID)
    assert fetch_picture(http, app, {"avatar_url": OTHER_URL}, provider="github")


@pytest.mark.parametrize(
    "answer",
    [
        None,
        FetchResult(404, "image/png", PNG),
        FetchResult(200, "image/png", b"<svg onload=alert(1)>"),
        FetchResult(200, "image/jpeg", PNG),
        FetchResult(200, "image/png", b""),
    ],
)
def test_invalid_pictures_are_ignored(app: InProcessApp, answer: FetchResult | None) -> None:
    assert fetch_picture(FakeHTTP(answer), app, {"picture": OTHER_URL}) is None


def test_picture_is_fetched_only_when_needed(app: InProcessApp) -> None:
    http = FakeHTTP(VALID)
    assert fetch_picture(http, app, {"picture": OTHER_URL}, known=True) is None
    assert fetch_picture(http, app, {"picture": OTHER_URL}, picture_claim="") is None
    assert fetch_picture(http, app, {}) is None
    assert not http.requests
    assert fetch_picture(http, app, {"picture": OTHER_URL}, known=True, update_picture=True)
