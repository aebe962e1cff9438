"""Requests that somebody else's page makes a person's browser send, and how they are told from the person's own.

A credential in a header was put there on purpose. A cookie was not: the browser adds it to whatever any page asks. So
what changes something and rests on a cookie needs the browser's word that a page of ours asked; what rests on nothing
yet, such as a sign-in, is refused if the browser says that another did; and so is what is only read with a cookie.
"""

import structlog
from litestar.enums import ScopeType
from litestar.types import Scope

from portico.errors import Forbidden
from portico.identity import credential_from
from portico.web.middleware.origins import Origins, own_origin

log = structlog.get_logger("portico.web")

_CROSS_SITE_VALUES = (b"sec-fetch-site", b"cross-site")
CROSS_SITE = "This request came from a page of another site."
ORIGIN_UNKNOWN = (
    "Nothing shows that a page of this site sent this request. "
    "Programs send their token in the Authorization header instead of a cookie."
)
_HINT = (
    "if this page is yours, name the proxy in server.trusted_proxies, server.url or browser.origins"
)
NOT_JSON = "Requests that rest on a cookie carry JSON: send it as application/json."


def check_csrf(access: str, scope: Scope, origins: Origins) -> None:
    """Refuse what another site's page may have asked for. Raises: Forbidden.

    For requests that change something or that a browser says came from elsewhere, and for handshakes of sockets;
    before anything is looked up or read.
    """
    is_socket = scope["type"] == ScopeType.WEBSOCKET
    open_to_any = access == "public"
    if not (is_socket or open_to_any or b"cookie" in dict(scope["headers"])):
        return  # programs; the commonest case
    credential = credential_from(scope)
    by_cookie = credential is not None and credential.by_cookie
    if not is_socket and not by_cookie and (credential is not None or not open_to_any):
        return  # a credential that no page could have added; or none, which the gate will say
    witness = origins.classify(scope)
    if witness.ours is False:
        ours = (own_origin(scope) or b"?").decode("latin-1")
        log.info("cross-site request", page=witness.page, ours=ours, hint=_HINT)
        raise Forbidden(CROSS_SITE)
    if not by_cookie or open_to_any:
        return
    # A browser may keep silent about a GET within one site that is not HTTPS; of all else it tells.
    if witness.ours is None and scope.get("method") != "GET":
        raise Forbidden(ORIGIN_UNKNOWN)
    if not is_socket and not _is_json(scope):
        raise Forbidden(NOT_JSON)


def is_cross_site(scope: Scope) -> bool:
    """Whether a browser says that a page of another site asked. Even what is only read may leave a trace."""
    return _CROSS_SITE_VALUES in scope["headers"]


def _is_json(scope: Scope) -> bool:
    """Whether the body is JSON, by its type, or there is none. Anything else a plain form could have sent."""
    kinds = []
    has_body = False
    for name, value in scope["headers"]:
        if name == b"content-type":
            kinds.append(value.partition(b";")[0].strip().lower())
        elif name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            has_body = True
    return not has_body or kinds == [b"application/json"]
