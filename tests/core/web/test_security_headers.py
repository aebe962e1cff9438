"""Security headers of all responses, also of errors and of plugins' handlers."""

import json
import re
from collections.abc import Callable

import pytest

from portico.settings.security_headers import SecurityHeadersSettings
from portico.testing import Client, InProcessApp
from portico.web.middleware.security_headers import API_CSP, SecurityHeaders

DEFAULTS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "content-security-policy": API_CSP,
}
#: One request of each kind: found, refused, unknown, wrong method, invalid body, too large.
REQUESTS = [
    ("GET", "/health", b"", 200),
    ("GET", "/api/v1/auths/", b"", 401),
    ("GET", "/nowhere", b"", 404),
    ("DELETE", "/health", b"", 405),
    ("POST", "/api/v1/auths/signin", b"{", 422),
    ("POST", "/api/v1/auths/signin", b" " * 70_000, 413),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), REQUESTS)
def test_every_response_has_security_headers(
    client: Client, method: str, path: str, body: bytes, status: int
) -> None:
    answer = client.request(method, path, body=body or None)
    assert answer.status == status
    assert DEFAULTS.items() <= answer.headers.items()


def test_internal_error_has_security_headers(app: InProcessApp) -> None:
    ada = app.client.sign_up("Ada")
    app.run(app.portico.database.stop)
    try:
        answer = ada.get("/api/v1/auths/")
        assert answer.status == 503
        assert DEFAULTS.items() <= answer.headers.items()
    finally:
        app.run(app.portico.database.start)


def test_private_responses_are_not_cached(admin: Client) -> None:
    for path in ("/api/v1/auths/", "/api/models", "/api/v1/chats/", "/api/v1/nowhere"):
        assert admin.get(path).headers["cache-control"] == "no-store"
    assert Client(admin.transport).get("/api/models").headers["cache-control"] == "no-store"
    assert "cache-control" not in admin.get("/health").headers
    picture = f"/api/v1/users/{admin.account['id']}/profile/image"
    assert admin.get(picture).headers["cache-control"] == "private, no-cache"


def test_docs_page_may_run_its_own_script_only(client: Client) -> None:
    answer = client.get("/docs")
    policy = answer.headers["content-security-policy"]
    assert answer.headers["content-type"].startswith("text/html")
    assert "unsafe" not in policy
    assert len(re.findall(r"'sha256-[\w+/=]{44}'", policy)) == 2
    assert "connect-src 'self'" in policy
    assert "default-src 'none'" in policy
    # Handlers and styles in attributes are not covered by the hashes, so they would not work.
    assert not re.search(rb"<[^>]+\s(on\w+|style)=", answer.body)


def headers_for(**settings: str) -> dict[str, str]:
    security_headers = SecurityHeaders(SecurityHeadersSettings(**settings))
    found = security_headers.headers("/x", page=True, secure=False, caching=False)
    return {name.decode(): value.decode() for name, value in found}


def test_html_policy_allows_what_the_web_client_needs_only() -> None:
    policy = dict(
        part.split(" ", 1) for part in headers_for()["content-security-policy"].split("; ")
    )
    assert {"'self'", "'unsafe-inline'", "'unsafe-eval'", "blob:"} <= set(
        policy["script-src"].split()
    )
    assert "https:" not in policy["script-src"]
    assert {"data:", "https:"} <= set(policy["img-src"].split())
    assert {"wss:", "ws:"} <= set(policy["connect-src"].split())
    assert policy["object-src"] == "'none'"
    assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'self'"


@pytest.mark.parametrize(
    ("setting", "header", "given", "expected"),
    [
        ("hsts", "strict-transport-security", "max-age=60", "max-age=60"),
        ("hsts", "strict-transport-security", "max-age=60;includeSubDomains;preload", None),
        ("hsts", "strict-transport-security", "yes", "max-age=31536000;includeSubDomains"),
        ("frame_options", "x-frame-options", "sameorigin", "SAMEORIGIN"),
        ("frame_options", "x-frame-options", "ALLOW-FROM x", "DENY"),
        ("content_type_options", "x-content-type-options", "sniff", "nosniff"),
        ("download_options", "x-download-options", "open", "noopen"),
        ("cross_domain_policies", "x-permitted-cross-domain-policies", "master-only", None),
        ("cross_domain_policies", "x-permitted-cross-domain-policies", "all", "none"),
        ("referrer_policy", "referrer-policy", "same-origin", None),
        ("referrer_policy", "referrer-policy", "everything", "no-referrer"),
        ("permissions_policy", "permissions-policy", "camera=(),microphone=(self)", None),
        ("permissions_policy", "permissions-policy", "camera=*", "none"),
        ("cache_control", "cache-control", "private, max-age=60", None),
        ("cache_control", "cache-control", "what=ever it is", "no-store, max-age=0"),
        ("content_security_policy", "content-security-policy", "default-src 'self'", None),
    ],
)
def test_configured_headers_are_used_and_invalid_values_become_safe(
    setting: str, header: str, given: str, expected: str | None
) -> None:
    assert headers_for(**{setting: given})[header] == (expected or given)


def test_deny_frames_adds_frame_ancestors_none() -> None:
    assert "frame-ancestors 'none'" in headers_for(frame_options="DENY")["content-security-policy"]


class TestSetByTheOperator:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {
            "HSTS": "max-age=60",
            "XFRAME_OPTIONS": "DENY",
            "XCONTENT_TYPE": "whatever",
            "XDOWNLOAD_OPTIONS": "x",
            "XPERMITTED_CROSS_DOMAIN_POLICIES": "none",
            "REFERRER_POLICY": "same-origin",
            "PERMISSIONS_POLICY": "camera=()",
            "CACHE_CONTROL": "no-store",
            "CONTENT_SECURITY_POLICY": "default-src 'self'",
        }

    def test_environment_names_of_the_reference_are_used(self, client: Client) -> None:
        expected = {
            "strict-transport-security": "max-age=60",
            "x-frame-options": "DENY",
            "x-content-type-options": "nosniff",
            "x-download-options": "noopen",
            "x-permitted-cross-domain-policies": "none",
            "referrer-policy": "same-origin",
            "permissions-policy": "camera=()",
            "cache-control": "no-store",
            "content-security-policy": "default-src 'self'",
        }
        for path in ("/health", "/nowhere", "/api/v1/auths/"):
            assert expected.items() <= client.get(path).headers.items()


def test_configured_policy_keeps_json_responses(client: Client) -> None:
    assert json.loads(client.get("/health").body) == {"status": True}


PAGES = """
    from litestar.enums import MediaType
    from portico.api import PluginInfo, hookimpl
    from portico.api.web import JSONResponse, get

    PLUGIN = PluginInfo(api_version=1, summary="Shows pages.")
    WEAKER = [
        (b"X-Frame-Options", b"ALLOWALL"), (b"content-security-policy", b"default-src *"),
        (b"Content-Security-Policy-Report-Only", b"default-src *"), (b"x-content-type-options", b"sniff"),
        (b"Access-Control-Allow-Origin", b"*"), (b"access-control-allow-credentials", b"true"),
        (b"referrer-policy", b"unsafe-url"), (b"X-Request-Id", b"mine"), (b"x-split", b"a\\r\\nset-cookie: b=c"),
        (b"x-own", b"kept"), (b"cache-control", b"max-age=60"),
    ]

    def page(kind):
        return JSONResponse(b"<p>Hi", content_type=kind, headers=WEAKER)

    @get("/api/x/pages/plain", access="public")
    async def plain() -> JSONResponse:
        return page(b"text/html; charset=utf-8")

    @get("/api/x/pages/loud", access="public")
    async def loud() -> JSONResponse:
        return page(b"TEXT/HTML")

    @get("/api/x/pages/drawing", access="public")
    async def drawing() -> JSONResponse:
        return page(b"image/svg+xml")

    @get("/api/x/pages/own", access="public", content_policy="default-src 'none'; img-src https:")
    async def own() -> JSONResponse:
        return page(b"text/html")

    @hookimpl
    def register_routes():
        return [plain, loud, drawing, own]
"""


@pytest.mark.case("AB-82")
def test_handler_cannot_remove_security_headers(
    install: Callable[..., None], env: dict[str, str]
) -> None:
    install("pages", PAGES)
    app = InProcessApp(env | {"DATABASE_URL": ""})
    try:
        policies = {}
        for name in ("plain", "loud", "drawing", "own"):
            headers = app.client.get(f"/api/x/pages/{name}").headers
            expected = {n: v for n, v in DEFAULTS.items() if n != "content-security-policy"}
            assert expected.items() <= headers.items()
            assert (headers["x-own"], headers["cache-control"]) == ("kept", "max-age=60")
            dropped = ("access-control-allow-origin", "access-control-allow-credentials", "x-split")
            assert not [
                n for n in (*dropped, "content-security-policy-report-only") if n in headers
            ]
            assert headers["x-request-id"] != "mine"
            policies[name] = headers["content-security-policy"]
    finally:
        app.close()
    page = headers_for()["content-security-policy"]
    assert policies == {
        "plain": page,
        "loud": page,
        "drawing": API_CSP,
        "own": "default-src 'none'; img-src https:",
    }
