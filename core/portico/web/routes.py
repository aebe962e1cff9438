"""Route decorators that say who may call a route.

They are Litestar's, with two differences. Success is 200 unless said otherwise, as clients of this API expect.
And every route has an `access` level; one that names none is for verified accounts, never for everybody.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, Literal

import litestar
from litestar.datastructures import State
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler
from litestar.types import ExceptionHandlersMap

from portico.identity import Actor
from portico.web.middleware.security_headers import csp_header
from portico.web.middleware.websockets import catch_socket_errors
from portico.web.openapi.responses import operation_of, responses

Access = Literal["public", "user", "verified", "admin"]

#: A request whose caller is known: `request.user` is the `Actor`; None on a public route.
Request = litestar.Request[Actor, Any, State]

#: A socket whose caller is known, as with `Request`.
Socket = litestar.WebSocket[Actor, Any, State]

#: Bytes that anybody may send before having shown who they are.
PUBLIC_BODY = 64 * 1024


class PorticoRouteHandler(HTTPRouteHandler):
    """Litestar's, without what that does anew for each request although it never comes out differently."""

    @cached_property
    def default_deserializer(self) -> Callable[[Any, Any], Any]:
        """How a parameter of a type that is not JSON's is read."""
        return super().default_deserializer

    def resolve_exception_handlers(self) -> ExceptionHandlersMap:
        """Those of the application, the plugin's router and the route. Asked for with requests only."""
        return self._exception_handlers

    @cached_property
    def _exception_handlers(self) -> ExceptionHandlersMap:
        return super().resolve_exception_handlers()


def route(
    path: str | Sequence[str],
    *,
    method: str,
    access: Access = "verified",
    requires: str | None = None,
    permission: str | None = None,
    response_type: Any = None,
    status_code: int = 200,
    max_body: int | None = None,
    max_values: int | None = None,
    reads_import: bool = False,
    limited: bool = False,
    session_only: bool = False,
    read_only: bool | None = None,
    csrf_checked: bool = False,
    content_policy: str | None = None,
    **options: Any,
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Turn an `async def` into a route handler.

    `access`: public = anybody; user = any account, pending ones too; verified = role user or admin; admin.
    `may`: what the policies must allow the caller with things of a kind in general, such as `account:write`; an
    administrator's route says this rather than `admin`, so that an operator can let others in by a line of policy.
    `permission`: a word of the permission tree, such as `workspace.models`, that others than administrators
    need. `answers`: the type of the answer, for the description of the API, where a handler returns bytes;
    refusals are described by themselves, and `responses` are laid over both.
    `max_body`: bytes; none = the server's limit (64 KiB on public routes). `max_values`: elements and members
    in a JSON body, at all levels together; none = the server's limit. `reads_import`: the body is an import in any form,
    which the handler has `read_items` take apart; its `data` is typed `msgspec.Raw` and not read. `limited`: it makes
    or opens copies, so it counts against the one limit that an account has for all of these. `session_only`: only for
    whoever signed in, not for keys; say it where credentials are made or changed. `reads`: whether a key that may only
    read may call it; None = if it is a GET.
    `changes`: it changes something although it is a GET, so another site's page must not be able to ask for it.
    `content_policy`: the Content-Security-Policy of its answers, for a page that the one of the house does not fit.
    """
    asked = tuple(requires.split(":")) if requires else None
    opt = {**options.pop("opt", {}), "access": access, "may": asked, "permission": permission}
    opt["session_only"], opt["changes"] = session_only, csrf_checked
    opt["reads_import"], opt["limited"] = reads_import, limited
    if read_only is not None:
        opt["reads"] = read_only
    if content_policy is not None:
        opt["content_policy"] = csp_header(content_policy)
    if max_body is None and access == "public":
        max_body = PUBLIC_BODY
    if max_body is not None:
        options["request_max_body_size"] = max_body
    if max_values is not None:
        opt["max_values"] = max_values
    further = options.pop("responses", {})

    def decorate(handler: Callable[..., Any]) -> HTTPRouteHandler:
        make = PorticoRouteHandler(
            path,
            http_method=HttpMethod(method),
            status_code=status_code,
            opt=opt,
            responses=responses(handler, access=access, answers=response_type, limited=limited)
            | further,
            operation_class=operation_of(handler),
            **options,
        )
        return make(handler)

    return decorate


def websocket(
    path: str | Sequence[str],
    *,
    access: Access = "verified",
    may: str | None = None,
    permission: str | None = None,
    **options: Any,
) -> Callable[[Callable[..., Any]], WebsocketRouteHandler]:
    """Turn an `async def handler(socket: Socket) -> None` into the handler of a web socket.

    The words are those of `route`, and asked before the handshake is answered: who may not come in gets the status
    and the body that a request would get, and so does a page of another site. A refusal raised later closes the socket
    with 4000 + its status, anything else that is raised with 1011.
    """
    asked = tuple(may.split(":")) if may else None
    opt = {**options.pop("opt", {}), "access": access, "may": asked, "permission": permission}

    def decorate(handler: Callable[..., Any]) -> WebsocketRouteHandler:
        paths = path if isinstance(path, str) else list(path)
        return WebsocketRouteHandler(paths, opt=opt, **options)(catch_socket_errors(handler))

    return decorate


get = partial(route, method="GET")
post = partial(route, method="POST")
put = partial(route, method="PUT")
patch = partial(route, method="PATCH")
delete = partial(route, method="DELETE")
