"""Pictures come from out in the world, and a provider's token goes to the provider alone."""

import base64
from types import SimpleNamespace
from typing import Any

import pytest
from tests.plugins.oauth.authorization_server import Authority
from tests.plugins.oauth.browser import Browser

from portico.api import ExternalIdentity, FetchRefused, FetchResult, Secret
from portico.testing import InProcessApp
from portico_oauth.login.avatars import Pictures
from portico_oauth.protocol.login_result import LoginResult
from portico_oauth.registrations import Registration, registrations
from portico_oauth.settings import OAuthSettings

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20
GOOD = FetchResult(200, "image/png", PNG)
INSIDE = [
    "http://{own}/picture", "https://{own}/picture", "https://127.0.0.1/x", "https://[::1]/x",
    "https://[::ffff:7f00:1]/x", "https://0x7f.1/x", "https://2130706433/x", "https://169.254.169.254/latest",
    "https://168.63.129.16/x", "https://100.64.0.1/x", "https://[64:ff9b::7f00:1]/x", "https://localhost/x",
    "file:///etc/passwd", "data:image/svg+xml,<svg/>", "javascript:alert(1)", "//evil", "https:evil", "\\\\evil",
    "", "x" * 9000, 7, None, {"url": "x"}, "https://user:pass@picture.example/x",
]  # fmt: skip


@pytest.fixture
def database_url() -> str:
    """One is enough: nothing here depends on it."""
    return ""


@pytest.mark.usefixtures("admin")
def test_AB_45_a_picture_that_is_inside_is_not_fetched(
    browser: Browser, authority: Authority, env: dict[str, str]
) -> None:
    env["OAUTH_UPDATE_PICTURE_ON_LOGIN"] = "true"
    own = authority.url.removeprefix("http://")
    for number, address in enumerate(INSIDE):
        picture = address.replace("{own}", own) if isinstance(address, str) else address
        authority.claims |= {
            "sub": f"p{number}",
            "email": f"p{number}@example.org",
            "picture": picture,
        }
        assert browser.sign_in().account["profile_image_url"] == "/user.png", address
    assert not authority.asked("/picture")


class Outside:
    """Stands for the world outside, as the guarded client sees it."""

    def __init__(self, answer: FetchResult | None) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def get(self, url: str, **options: Any) -> FetchResult:
        self.asked.append((url, options))
        if self.answer is None:
            raise FetchRefused
        return self.answer


async def nobody(*_: str) -> None:
    """Who a subject is that is new."""


async def somebody(*_: str) -> str:
    return "ada-id"


def registration(name: str) -> Registration:
    given = {f"{name}_client_id": "id", f"{name}_client_secret": Secret("s")}
    if name == "microsoft":
        given["microsoft_tenant_id"] = "common"
    [found] = registrations(OAuthSettings(**given))  # type: ignore[arg-type]
    return found


def picture(
    outside: Outside,
    app: InProcessApp,
    claims: dict[str, Any],
    *,
    provider: str = "google",
    known: bool = False,
    **settings: Any,
) -> str | None:
    """What comes of these claims."""
    links = SimpleNamespace(account_id=somebody if known else nobody)
    stand_in: Any = SimpleNamespace(fetch=outside, identity=SimpleNamespace(links=links))
    evidence = LoginResult(
        claims=claims,
        token={"access_token": "secret"},
        hosts=frozenset({"provider.example", "provider.example:8443"}),
    )
    proof = ExternalIdentity(subject="s", email="a@b.c", name="A")
    pictures = Pictures(stand_in, OAuthSettings(**settings))
    found: ExternalIdentity = app.call(pictures.added, proof, evidence, registration(provider))
    return found.picture


AT_HOME, ELSEWHERE = "https://Provider.example/p.png", "https://cdn.example/p.png"


def test_a_picture_becomes_part_of_the_account(app: InProcessApp) -> None:
    outside = Outside(GOOD)
    found = picture(outside, app, {"picture": ELSEWHERE})
    assert found == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    _, options = outside.asked[0]
    assert options["https_only"] is True and options["largest"] <= 192 * 1024
    assert set(options["types"]) == {"image/png", "image/jpeg", "image/gif", "image/webp"}


@pytest.mark.parametrize(
    ("address", "given"),
    [
        (AT_HOME, True),
        ("https://provider.example:8443/p", True),
        (ELSEWHERE, False),
        ("https://provider.example.evil.example/p", False),
        ("https://provider.example:9000/p", False),
        ("https://evil.example/provider.example", False),
        ("https://provider.example@evil.example/p", False),
    ],
)
def test_a_token_is_shown_to_its_provider_alone(
    app: InProcessApp, address: str, given: bool
) -> None:
    outside = Outside(GOOD)
    picture(outside, app, {"picture": address})
    assert ("Authorization" in outside.asked[0][1]["headers"]) is given


def test_microsoft_shows_pictures_to_whoever_has_the_token(app: InProcessApp) -> None:
    outside = Outside(GOOD)
    assert picture(outside, app, {"picture": ELSEWHERE}, provider="microsoft")
    url, options = outside.asked[0]
    assert url.startswith("https://graph.microsoft.com/")
    assert options["headers"] == {"Authorization": "Bearer secret"}


def test_github_has_a_word_of_its_own_for_pictures(app: InProcessApp) -> None:
    outside = Outside(GOOD)
    assert picture(outside, app, {"avatar_url": ELSEWHERE}, provider="github")


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
def test_what_is_no_picture_is_none(app: InProcessApp, answer: FetchResult | None) -> None:
    assert picture(Outside(answer), app, {"picture": ELSEWHERE}) is None


def test_nobody_is_asked_for_a_picture_that_nobody_needs(app: InProcessApp) -> None:
    outside = Outside(GOOD)
    assert picture(outside, app, {"picture": ELSEWHERE}, known=True) is None
    assert picture(outside, app, {"picture": ELSEWHERE}, picture_claim="") is None
    assert picture(outside, app, {}) is None
    assert not outside.asked
    assert picture(outside, app, {"picture": ELSEWHERE}, known=True, update_picture=True)
