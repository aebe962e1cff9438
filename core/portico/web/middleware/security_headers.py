"""Security headers of responses, computed once when the application starts.

API responses get a Content-Security-Policy that forbids everything. HTML pages get one under which the web client works
(inline scripts, workers, WebAssembly, sockets), and which still forbids plug-ins, frames of other sites around the
page, forms that are sent to other sites and a `base` of another origin.
"""

import re

from portico.settings.security_headers import SecurityHeadersSettings

Header = tuple[bytes, bytes]
Headers = tuple[Header, ...]

HTML_CSP = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:",
        "worker-src 'self' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob: https:",
        "media-src 'self' data: blob: https:",
        "font-src 'self' data:",
        # Users may connect their browser to their own model servers, on their machine or elsewhere.
        "connect-src 'self' data: blob: https: ws: wss: http://localhost:* http://127.0.0.1:*",
        "frame-src 'self' data: blob: https:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors {}",
    )
)
API_CSP = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#: Paths whose responses are for the caller alone.
PRIVATE_PATHS = ("/api/", "/openai/", "/ollama/", "/oauth/")
NO_STORE = "no-store"
#: Where an ASGI scope without a route has the header with the policy of its response; None = that of the server.
CONTENT_POLICY_KEY = "portico.content_policy"

_REFERRER = frozenset(
    (
        "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin",
        "origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url",
    )
)  # fmt: skip
_HSTS = re.compile(r"max-age=\d{1,10}(\s*;\s*includeSubDomains)?(\s*;\s*preload)?\Z", re.I)
_CROSS_DOMAIN = ("none", "master-only", "by-content-type", "by-ftp-filename")
_PERMISSIONS = re.compile(r"[a-z-]+=\((self)?\)(\s*,\s*[a-z-]+=\((self)?\))*\Z")
_CACHE = re.compile(r"[a-z-]+(=\d{1,10})?(\s*,\s*[a-z-]+(=\d{1,10})?)*\Z", re.I)
HSTS_ONE_YEAR = "max-age=31536000"


class SecurityHeaders:
    """The security headers of one application. An invalid setting falls back to the safe value."""

    def __init__(self, settings: SecurityHeadersSettings, *, force_https: bool = False) -> None:
        everywhere = list(_everywhere(settings))
        if settings.hsts:
            everywhere.append(("strict-transport-security", _hsts(settings.hsts)))
        secure = list(everywhere)
        if force_https and not settings.hsts:
            secure.append(
                ("strict-transport-security", HSTS_ONE_YEAR)
            )  # not in the clear: RFC 6797, 7.2
        frames = dict(everywhere)["x-frame-options"]
        page = HTML_CSP.format("'none'" if frames == "DENY" else "'self'")
        always = _encoded(everywhere), _encoded(secure)
        policies = [csp_header(settings.content_security_policy or one) for one in (API_CSP, page)]
        own = settings.cache_control
        cache_control = (own if _CACHE.match(own) else "no-store, max-age=0") if own else ""
        #: Names of headers that a handler cannot set.
        self.names = frozenset(name for name, _ in always[True]) | {
            b"content-security-policy",
            b"content-security-policy-report-only",
        }

        def lists(cache: str) -> tuple[tuple[Headers, ...], ...]:
            more = _encoded([("cache-control", cache)] if cache else [])
            return tuple(tuple((*some, policy, *more) for policy in policies) for some in always)

        self._as_given, self._public, self._private = (
            lists(""),
            lists(cache_control),
            lists(cache_control or NO_STORE),
        )

    def headers(self, path: str, *, page: bool, secure: bool, caching: bool) -> Headers:
        """Return the headers that are added to a response.

        `page`: it is HTML. `secure`: it is sent over HTTPS. `caching`: its handler has set Cache-Control.
        """
        if caching:
            return self._as_given[secure][page]
        return (self._private if path.startswith(PRIVATE_PATHS) else self._public)[secure][page]


def csp_header(policy: str) -> Header:
    """Return the Content-Security-Policy header."""
    return b"content-security-policy", policy.encode("latin-1")


def _everywhere(settings: SecurityHeadersSettings) -> list[tuple[str, str]]:
    found = [("x-content-type-options", "nosniff")]
    frames = settings.frame_options.strip().upper()
    found.append(
        (
            "x-frame-options",
            (frames if frames in ("DENY", "SAMEORIGIN") else "DENY") if frames else "SAMEORIGIN",
        )
    )
    words = [word.strip() for word in settings.referrer_policy.lower().split(",")]
    found.append(
        ("referrer-policy", ", ".join(words) if _REFERRER.issuperset(words) else "no-referrer")
    )
    if settings.download_options:
        found.append(("x-download-options", "noopen"))
    if given := settings.cross_domain_policies.strip().lower():
        found.append(
            ("x-permitted-cross-domain-policies", given if given in _CROSS_DOMAIN else "none")
        )
    if given := settings.permissions_policy.strip():
        found.append(("permissions-policy", given if _PERMISSIONS.match(given) else "none"))
    return found


def _hsts(text: str) -> str:
    return text.strip() if _HSTS.match(text.strip()) else f"{HSTS_ONE_YEAR};includeSubDomains"


def _encoded(headers: list[tuple[str, str]]) -> Headers:
    return tuple((name.encode(), value.encode("latin-1")) for name, value in headers)
