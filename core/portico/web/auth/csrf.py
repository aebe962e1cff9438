"""CSRF protection: refuses requests that a page of another site causes the user's browser to send.

A credential in a header was set by the client on purpose. A cookie is added by the browser to every request, whichever
page causes it. Therefore a changing request with a cookie is accepted only if the browser reports a trusted page; a
request without a credential, such as a sign-in, and a reading request with a cookie are refused if the browser reports
another site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from portico.errors import Forbidden
from portico.identity import credential_from
from portico.web.middleware.origins import Origins, own_origin

if TYPE_CHECKING:
    from litestar.types import Scope

log = structlog.get_logger("portico.web")

_CROSS_SITE_VALUES = (b"sec-fetch-site", b"cross-site")
CROSS_SITE = "This request came from a page of another site."
ORIGIN_UNKNOWN = (
    "Nothing shows that a page of this site sent this request. "
    "Programs send their token in the Authorization header instead of a cookie."
)
_HINT = "if this page is yours, set server.trusted_proxies, server.url or cors.allow_origins"
NOT_JSON = "Requests that rest on a cookie carry JSON: send it as application/json."


def check_csrf(access: str, scope: Scope, origins: Origins) -> None:
    """Refuse a request that a page of another site may have caused. Raises: Forbidden.

    Called for changing requests, for those that the browser reports as cross-site, and for web socket handshakes;
    before the account is read.
    """
    is_socket = scope["type"] == "websocket"  # type: ignore[comparison-overlap]
    is_public = access == "public"
    if not (is_socket or is_public or b"cookie" in dict(scope["headers"])):
        return  # a program; the commonest case
    credential = credential_from(scope)
    by_cookie = credential is not None and credential.by_cookie
    if not is_socket and not by_cookie and (credential is not None or not is_public):
        return  # a credential that no page could have added; or none, which is refused later
    request_origin = origins.classify(scope)
    if request_origin.ours is False:
        ours = (own_origin(scope) or b"?").decode("latin-1")
        log.info("cross-site request", page=request_origin.page, ours=ours, hint=_HINT)
        raise Forbidden(CROSS_SITE)
    if not by_cookie or is_public:
        return
    # Without HTTPS, a browser may send no origin with a GET within one site; with other methods it does.
    if request_origin.ours is None and scope.get("method") != "GET":
        raise Forbidden(ORIGIN_UNKNOWN)
    if not is_socket and not _is_json(scope):
        raise Forbidden(NOT_JSON)


def is_cross_site(scope: Scope) -> bool:
    """Return whether a browser reports that a page of another site sent this. Reading can have side effects too."""
    return _CROSS_SITE_VALUES in scope["headers"]


def _is_json(scope: Scope) -> bool:
    """Return whether the body has the type JSON, or there is none. A plain HTML form can send other types."""
    kinds = []
    has_body = False
    for name, value in scope["headers"]:
        if name == b"content-type":
            kinds.append(value.partition(b";")[0].strip().lower())
        elif name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            has_body = True
    return not has_body or kinds == [b"application/json"]
