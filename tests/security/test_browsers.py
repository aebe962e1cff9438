"""Cross-site request forgery: requests that pages of other sites cause a browser to send."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.api_keys import ON
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.repository.fixtures import Scene, ask
from tests.repository.test_route_access import routes
from tests.upstream import Upstream

from portico.testing import PASSWORD, Client, InProcessApp
from portico.web.application import OWN_PATHS

EVIL = "https://evil.example"
OURS = "http://testserver"
SAFE = ("GET", "HEAD", "OPTIONS", "WEBSOCKET")

#: Headers that a browser adds to the cookie in cross-site requests, and some that no browser sends.
FORGED: list[dict[str, str]] = [
    {"origin": EVIL, "sec-fetch-site": "cross-site"},
    {"origin": EVIL},
    {"origin": "null"},
    {"origin": ""},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "same-origin, cross-site"},
    {"referer": f"{EVIL}/page?{OURS}/"},
    {"referer": f"{OURS}.evil.example/"},
    {"referer": f"{OURS}@evil.example/"},
    {"origin": "http://testserver.evil.example"},
    {"origin": "http://testserverXexample"},
    {"origin": "http://evil.example:80/testserver"},
    {"origin": "http://testserver:8080"},
    {"origin": "https://testserver"},
    {"origin": EVIL, "x-forwarded-host": "evil.example", "x-forwarded-proto": "https"},
    {},
]
#: Tables that a background task updates.
INDEX = {"chats_text"}
#: Content types that a form can send without a preflight request.
FORMS = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "")


def by_cookie(client: Client) -> tuple[Client, dict[str, str]]:
    return Client(client.transport), {"cookie": f"theme=dark; token={client.token}"}


@pytest.fixture
def scene(env: dict[str, str], upstream: Upstream, complete_schema: Any) -> Iterator[Scene]:
    app = InProcessApp(env | upstream.environment | ON, complete_schema)
    yield Scene(app)
    app.close()


def public(app: InProcessApp) -> set[str]:
    """Return the paths of routes that use no credential."""
    others = (path for c in app.portico.contributions if c.router for path in c.router.public_paths)
    return {path for _, path in OWN_PATHS} | set(others)


def everything(app: InProcessApp) -> dict[str, Any]:
    """Return all rows of all tables, except columns that change by themselves."""
    tables = {t for c in app.portico.contributions if c.tables for t in c.tables.tables}
    names = sorted({table._meta.tablename for table in tables} - INDEX)
    names += ["portico_account", "portico_session", "portico_audit"]

    async def read() -> dict[str, Any]:
        from portico.db import fetch_all

        found = {name: await fetch_all(f"SELECT * FROM {name}") for name in names}
        for account in found["portico_account"]:
            account.pop("last_active_at")  # updated by requests of all kinds
        for entry in found["portico_audit"]:
            for column in ("segment", "salt", "signature"):  # added when it is sealed
                entry.pop(column)
        for session in found["portico_session"]:
            session.pop("last_seen_at")
        return {name: sorted(map(repr, rows)) for name, rows in found.items()}

    found: dict[str, Any] = app.run(read)
    return found


@pytest.mark.timeout(300)
@pytest.mark.case("AB-17")
def test_cross_site_request_changes_nothing_on_any_route(scene: Scene) -> None:
    requests = [
        (method, path, *ask(scene, method, path))
        for method, path in routes(scene.app)
        if method not in SAFE and path not in public(scene.app)
    ]
    assert len(requests) > 50
    browser, cookie = by_cookie(scene.admin)
    before, accepted = everything(scene.app), []
    for method, path, target, given in requests:
        body = {} if isinstance(given, bytes) else given
        for forged in FORGED:
            answer = browser.request(method, target, json=body, headers=cookie | forged)
            if answer.status != 403:
                accepted.append(f"{method} {path} {forged}: {answer.status}")
        for kind in FORMS:
            headers = cookie | {"origin": OURS, "content-type": kind}
            answer = browser.request(method, target, json=body or {}, headers=headers)
            if answer.status != 403:
                accepted.append(f"{method} {path} as {kind}: {answer.status}")
    assert everything(scene.app) == before
    assert not accepted, "\n".join(accepted)


@pytest.mark.case("AB-17")
def test_cross_site_get_changes_nothing(scene: Scene) -> None:
    requests = [
        (path, ask(scene, method, path)[0]) for method, path in routes(scene.app) if method == "GET"
    ]
    browser, cookie = by_cookie(scene.admin)
    before = everything(scene.app)
    harmless = public(scene.app) - {"/api/v1/auths/signout", "/api/v1/plugins"}
    for path, target in requests:
        for forged in ({}, {"origin": EVIL}, {"referer": EVIL}, {"sec-fetch-mode": "navigate"}):
            headers = cookie | forged | {"sec-fetch-site": "cross-site"}
            status = browser.get(target, headers=headers).status
            assert (status == 403) is (path not in harmless), (path, status)
    assert everything(scene.app) == before


@pytest.mark.case("AB-17")
def test_cross_site_request_cannot_sign_in_or_out(admin: Client, subtests: pytest.Subtests) -> None:
    browser, cookie = by_cookie(admin)
    for forged in [f for f in FORGED if f]:
        with subtests.test(str(forged)):
            assert browser.get("/api/v1/auths/signout", headers=cookie | forged).status == 403
            assert admin.get("/api/v1/auths/").status == 200
            form = {"email": "ada@example.org", "password": PASSWORD, "name": "Eve"}
            for path in ("/api/v1/auths/signin", "/api/v1/auths/signup"):
                for headers in (forged, cookie | forged):
                    answer = browser.post(
                        path, form | {"email": "eve@example.org"}, headers=headers
                    )
                    assert answer.status == 403 and "set-cookie" not in answer.headers


TRUSTED_HEADERS: list[dict[str, str]] = [
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "none"},
    {"origin": OURS},
    {"referer": f"{OURS}/c/1?a=b"},
    {"referer": OURS},
]


@pytest.mark.parametrize("headers_of_page", TRUSTED_HEADERS, ids=str)
def test_own_page_may_use_the_cookie(admin: Client, headers_of_page: dict[str, str]) -> None:
    browser, cookie = by_cookie(admin)
    chat = {"chat": {"title": "x"}}
    assert browser.post("/api/v1/chats/new", chat, headers=cookie | headers_of_page).status == 200
    assert browser.get("/api/v1/chats/", headers=cookie | headers_of_page).status == 200
    assert browser.get("/api/v1/auths/signout", headers=cookie | headers_of_page).status == 200


def test_programs_need_no_origin(admin: Client) -> None:
    chat = {"chat": {"title": "x"}}
    assert admin.post("/api/v1/chats/new", chat).status == 200
    # Only a program can send this header and a token; for a page, a browser sends a preflight first, which is refused.
    assert admin.post("/api/v1/chats/new", chat, headers={"origin": EVIL}).status == 200
    again = {"email": "ada@example.org", "password": PASSWORD}
    browser, cookie = by_cookie(admin)
    assert browser.post("/api/v1/auths/signin", again, headers=cookie).status == 200


def test_cookie_signs_out_over_http_without_origin(admin: Client) -> None:
    browser, cookie = by_cookie(admin)
    assert browser.get("/api/v1/auths/signout", headers=cookie).status == 200
    assert admin.get("/api/v1/auths/").status == 401


def test_repeated_origin_header_is_not_trusted(admin: Client) -> None:
    browser, cookie = by_cookie(admin)
    for name, good, bad in (
        ("origin", OURS, EVIL),
        ("sec-fetch-site", "same-origin", "cross-site"),
    ):
        for pair in ((good, bad), (bad, good), (good, good)):
            headers = [*cookie.items(), *((name, value) for value in pair)]
            answer = browser.post("/api/v1/chats/new", {"chat": {}}, headers=headers)
            assert answer.status == 403


@pytest.mark.parametrize(
    ("hosts", "origin"),
    [
        (["testserver", "evil.example"], EVIL),
        (["evil.example", "testserver"], OURS),
        ([""], "http://"),
        ([""], "?"),
    ],
)
def test_ambiguous_host_is_not_trusted(admin: Client, hosts: list[str], origin: str) -> None:
    browser, cookie = by_cookie(admin)
    headers = [*cookie.items(), ("origin", origin), *(("host", host) for host in hosts)]
    answer = browser.post("/api/v1/chats/new", {"chat": {}}, headers=headers)
    assert answer.status in (403, 422)


class TestBehindAProxy:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {
            "FORWARDED_ALLOW_IPS": "127.0.0.1",
            "WEBUI_URL": "https://Chat.example.org:443/",
        }

    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            ("https://chat.example.org", 200),
            ("https://lan.example.org", 200),
            ("http://lan.example.org", 403),
            ("http://chat.example.org", 403),
            ("https://chat.example.org:8443", 403),
            (OURS, 403),
        ],
    )
    def test_public_url_is_own_origin(self, admin: Client, origin: str, status: int) -> None:
        browser, cookie = by_cookie(admin)
        forwarded = {"x-forwarded-host": "lan.example.org:443", "x-forwarded-proto": "https"}
        headers = cookie | forwarded | {"origin": origin}
        assert browser.post("/api/v1/chats/new", {"chat": {}}, headers=headers).status == status

    def test_cookies_over_https_are_secure(self, client: Client) -> None:
        form = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD}
        https = {"x-forwarded-proto": "https"}
        answer = client.post("/api/v1/auths/signup", form, headers=https)
        assert answer.headers["set-cookie"].endswith("; Secure")
        signed_out = client.get("/api/v1/auths/signout", headers=https)
        assert signed_out.headers["set-cookie"].endswith("; Secure")
        plain = client.post("/api/v1/auths/signin", form)
        assert "Secure" not in plain.headers["set-cookie"]
