"""Error responses: maps domain errors to HTTP statuses.

Every error is JSON with a `detail`. An unexpected exception is answered with `Internal Server Error` and nothing else;
the request id in the response headers leads to the line in the log.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from litestar import Request
from litestar.exceptions import (
    ClientException,
    HTTPException,
    LitestarException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.types import Scope

from portico import errors
from portico.errors import fault
from portico.identity import COOKIE, uses_cookie
from portico.plugin_errors.plugin_code import CodePlace
from portico.plugin_errors.plugin_exit import PluginExit, PluginFault
from portico.web.counters import Counters
from portico.web.error_format import ErrorFormat, error_body, error_format
from portico.web.middleware.head_requests import HEAD_KEY
from portico.web.middleware.proxies import client_address
from portico.web.request.parameter_faults import parameter_faults
from portico.web.response.json_response import Headers, JSONResponse

log = structlog.get_logger("portico.web")

#: The key of the ASGI scope that names the plugin which serves a request without a route.
PLUGIN_KEY = "portico_plugin"
#: Later entries are more general.
STATUS: dict[type[errors.DomainError], int] = {
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.InvalidRequest: 400,
    errors.ValidationError: 422,
    errors.TooLarge: 413,
    errors.URLTooLong: 414,
    errors.RequestTimeout: 408,
    errors.RateLimited: 429,
    errors.SourceTimedOut: 504,
    errors.SourceFailed: 502,
    errors.Unavailable: 503,
}
#: Statuses of refusals that depend on the caller or on the number of requests. Each of them is logged.
LOGGED_STATUSES = frozenset((401, 403, 429))
#: Seconds after which a client should try again when the database is unavailable.
RETRY_AFTER_SECONDS = 2


def error_response(
    status: int,
    detail: Any,
    headers: Headers = (),
    *,
    form: ErrorFormat | None = None,
    code: str | None = None,
) -> JSONResponse:
    """Return an error response with this `detail`. `form`: what the route declares as `errors`."""
    body = error_body(form, status, detail, code)
    return JSONResponse(msgspec.json.encode(body), status=status, headers=headers)


def status_of(error: errors.DomainError) -> int:
    """Return the status of the response to a request that raised this error."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 400)


def domain_error_response(
    error: errors.DomainError, form: ErrorFormat | None = None
) -> JSONResponse:
    """Return the response to a request that raised this error. `form`: what the route declares as `errors`."""
    detail: Any = error.faults if isinstance(error, errors.ValidationError) else error.detail
    headers: Headers = ()
    if isinstance(error, errors.Unauthenticated):
        headers = ((b"www-authenticate", b"Bearer"),)
    elif (
        isinstance(error, errors.RateLimited | errors.SourceFailed)
        and error.retry_after is not None
    ):
        headers = ((b"retry-after", str(error.retry_after).encode()),)
    elif isinstance(error, errors.Unavailable):
        headers = ((b"retry-after", str(RETRY_AFTER_SECONDS).encode()),)
    elif isinstance(error, errors.RequestTimeout | errors.IncompleteBody):
        # Else the rest of the body would be read as the next request.
        headers = ((b"connection", b"close"),)
    return error_response(status_of(error), detail, headers, form=form, code=error.code)


def internal_error_response(
    error: BaseException, scope: Mapping[str, Any], counters: Counters | None = None
) -> JSONResponse:
    """Count and log an unexpected exception and return the response to it. `counters`: None = those of the route."""
    note_failure(error, scope, counters)
    form = error_format(scope)
    return error_response(500, "Internal Server Error", form=form, code="internal_error")


def note_failure(
    error: BaseException, scope: Mapping[str, Any], counters: Counters | None = None
) -> None:
    """Count and log an exception that ends a request: its route, the plugin that raised it, and where.

    The text of the exception may contain a secret, so it is logged at level debug only.
    """
    app = scope.get("litestar_app")
    error = _unwrapped(error)
    counters = counters or (app and app.state.get("counters")) or Counters()
    served_by = plugin_of_route(scope)
    place = counters.code.of_error(error)
    if isinstance(error, PluginFault) and error.plugin:
        place = CodePlace(error.plugin, error.at)
    plugin = place.plugin or served_by
    counters.failed(plugin)
    log.error(
        "request failed",
        plugin=plugin,
        **({} if plugin == served_by else {"route_of": served_by}),
        method=scope.get("method", "WEBSOCKET"),
        route=scope.get("path_template") or scope.get("path", ""),
        error=type(error).__name__,
        at=place.at or errors.error_location(error),
    )
    log.debug("request failed with this error", text=errors.error_text(error), exc_info=error)


def _unwrapped(error: BaseException) -> BaseException:
    """Return what a handler has raised itself: without what a task group, Litestar or a `PluginExit` puts around it."""
    while True:
        inner = error.__cause__ if type(error) in (LitestarException, PluginExit) else None
        if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            inner = error.exceptions[0]
        if inner is None:
            return error
        error = inner


def plugin_of_route(scope: Mapping[str, Any]) -> str:
    """Return the plugin that serves a request, `portico` for the core."""
    opt = getattr(scope.get("route_handler"), "opt", {})
    return str(scope.get(PLUGIN_KEY) or opt.get("plugin", "portico"))


def handle_domain_error(request: Request[Any, Any, Any], error: errors.DomainError) -> Any:
    """Return the response to a domain error. Called by Litestar."""
    return log_and_respond(request.scope, error)


def log_and_respond(scope: Scope, error: errors.DomainError) -> JSONResponse:
    """Return the response to this error. Refusals that matter to the operator are logged, one event each."""
    answered = domain_error_response(error, error_format(scope))
    if answered.status == 401 and uses_cookie(scope):
        # The cookie is deleted, since the browser would send it with every further request and be refused.
        answered.headers = (*answered.headers, _without_cookie(scope))
    if answered.status in LOGGED_STATUSES or error.detail == errors.INVALID_CRED:
        actor = scope.get("user")
        log.info(
            "request refused",
            status=answered.status,
            reason=error.detail,
            method="HEAD" if HEAD_KEY in scope else scope.get("method", "WEBSOCKET"),
            route=scope.get("path_template") or scope["path"],
            account=getattr(actor, "id", None),
            client=client_address(scope),
        )
    return answered


def _without_cookie(scope: Scope) -> tuple[bytes, bytes]:
    dropped: str = scope["litestar_app"].state.cookies.delete(COOKIE)
    return b"set-cookie", dropped.encode()


def handle_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Any:
    """Return the response to Litestar's own errors: unknown paths, wrong methods, invalid queries and bodies."""
    form = error_format(request.scope)
    match error:
        case NotFoundException():
            return error_response(404, "Not Found")
        case MethodNotAllowedException():
            return error_response(405, "Method Not Allowed", _allow(error))
        case RequestEntityTooLarge():
            return error_response(413, errors.TooLarge.default, form=form)
        case ValidationException():
            return error_response(422, parameter_faults(request, error), form=form)
        case ClientException() if "route_handler" not in request.scope:
            # An invalid Host header, before any route was found.
            return error_response(error.status_code, error.detail)
        case ClientException() if error.status_code == 400:
            faults = [fault("json_invalid", ["body"], "The body could not be read")]
            return error_response(422, faults, form=form)
    if error.status_code >= 500:
        return handle_exception(request, error)
    return error_response(error.status_code, error.detail, form=form)


def handle_exception(request: Request[Any, Any, Any], error: Exception) -> Any:
    """Count and log an unexpected exception, and return the response. Called by Litestar."""
    return internal_error_response(error, request.scope)


def _allow(error: HTTPException) -> Headers:
    allowed = (error.headers or {}).get("Allow") or (error.headers or {}).get("allow")
    if not allowed:
        return ()
    methods = sorted({*allowed.split(", "), *(("HEAD",) if "GET" in allowed else ())})
    return ((b"allow", ", ".join(methods).encode()),)


HANDLERS: dict[type[Exception] | int, Any] = {
    errors.DomainError: handle_domain_error,
    HTTPException: handle_http_error,
    Exception: handle_exception,
}
