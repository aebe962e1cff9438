"""Fallbacks: what plugins answer where there is no route, such as the files of a web client.

The first part of the path decides: if any route begins with it, the request is for the routes, which answer errors as
JSON. So no fallback ever answers a path of an API, and such requests cost no look-up.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from portico.errors import DomainError, NotFound
from portico.plugin_errors.plugin_exit import is_failure
from portico.web.counters import Counters
from portico.web.errors import (
    PLUGIN_KEY,
    domain_error_response,
    error_response,
    internal_error_response,
)
from portico.web.middleware.base_path import OWN_PARTS
from portico.web.middleware.security_headers import CONTENT_POLICY_KEY, Header, csp_header


@dataclass(frozen=True, slots=True)
class Fallback:
    """Answers GET and HEAD requests below `prefix` where no route begins with the same part of the path.

    `prefix`: `/`, or such as `/static`. `respond(scope, path)`: returns the response, an ASGI application such as a
    `JSONResponse`; `path` is the part of the path after the prefix and a slash. It raises NotFound for an unknown path.
    The caller is anonymous; `app.identity.auth.optional_actor(scope)` returns who it is. `content_policy`: as of routes.
    """

    prefix: str
    respond: Callable[[HTTPScope, str], Awaitable[ASGIApp]]
    content_policy: str | None = None


class FallbackDispatcher:
    """Passes each request to the routes, or to the fallback with the longest prefix.

    `fallbacks`: each with the name of its plugin. `paths`: those of all routes.
    """

    def __init__(
        self,
        routes: ASGIApp,
        paths: Iterable[str],
        fallbacks: Iterable[tuple[str, Fallback]],
        counters: Counters,
    ) -> None:
        self._routes, self._counters = routes, counters
        self._route_parts = OWN_PARTS | {_first_part(path) for path in paths if path != "/"}
        self._fallbacks = [
            (
                one.prefix.rstrip("/") + "/",
                plugin,
                one,
                csp_header(one.content_policy) if one.content_policy else None,
            )
            for plugin, one in sorted(fallbacks, key=lambda pair: -len(pair[1].prefix))
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Called by the middleware."""
        path = scope["path"]
        if _first_part(path) in self._route_parts or scope.get("method") not in ("GET", "HEAD"):
            await self._routes(scope, receive, send)
            return
        for prefix, plugin, fallback, policy in self._fallbacks:
            if path.startswith(prefix) or path == prefix[:-1]:
                scope["path_template"] = f"{prefix}{{path}}"
                scope[PLUGIN_KEY] = plugin  # type: ignore[literal-required]
                response = await self._response(fallback, path[len(prefix) :], scope, policy)
                await response(scope, receive, send)
                return
        await error_response(404, "Not Found")(scope, receive, send)

    async def _response(
        self, fallback: Fallback, path: str, scope: Scope, policy: Header | None
    ) -> ASGIApp:
        """Return the response of a plugin, or that to its error."""
        try:
            response = await fallback.respond(cast("HTTPScope", scope), path)
            if not callable(response):
                raise TypeError(f"respond returned {type(response).__name__}, expected an ASGI app")
        except NotFound:
            return error_response(404, "Not Found")
        except DomainError as error:
            return domain_error_response(error)
        except BaseException as error:
            if not is_failure(error):
                raise
            return internal_error_response(error, scope, self._counters)
        scope[CONTENT_POLICY_KEY] = policy  # type: ignore[literal-required]
        return response


def _first_part(path: str) -> str:
    """Return the first part of a path that is not empty, so that `//api` is a path of the API."""
    return path.lstrip("/").partition("/")[0]
