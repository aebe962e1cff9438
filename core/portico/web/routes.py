"""Decorators that turn functions into route handlers and declare who may call them.

They are Litestar's, with two differences: the status of success is 200 unless another is given, as clients of this API
expect, and every route has an `access` level. A route that names none is for verified accounts only.
"""

import inspect
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from copy import copy
from functools import cached_property, partial
from typing import Any, Self

import litestar
from litestar.datastructures import State
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler
from litestar.response import Stream
from litestar.types import ASGIApp, ExceptionHandlersMap
from litestar.utils.sync import AsyncIteratorWrapper

from portico.identity import Actor
from portico.plugin_errors.plugin_exit import PluginExit, is_failure
from portico.web.error_format import ErrorFormat
from portico.web.middleware.security_headers import csp_header
from portico.web.middleware.websockets import catch_socket_errors
from portico.web.openapi.responses import form_operation, operation_of, responses
from portico.web.route_faults import (
    Access,
    check_access,
    check_handler,
    check_method,
    check_options,
)

#: A request whose caller is known: `request.user` is the `Actor`; None on a public route.
Request = litestar.Request[Actor, Any, State]

#: A socket whose caller is known, as with `Request`.
Socket = litestar.WebSocket[Actor, Any, State]

#: Bytes of a request body on a public route.
MAX_PUBLIC_BODY_BYTES = 64 * 1024


class Controller(litestar.Controller):
    """Route handlers of one family of URLs, as methods with the decorators of this module.

    `register_routes` returns the class. `self.plugin` is what the plugin's `register_components` returned; annotate it
    in the subclass with that type.
    """

    plugin: Any = None

    @classmethod
    def for_plugin(cls, plugin: Any) -> type[Self]:
        """Return this controller with `plugin` bound to it. The loader calls it once per application."""
        names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
        return type(cls.__name__, (cls,), {"plugin": plugin, "__doc__": cls.__doc__, **names})


class PorticoRouteHandler(HTTPRouteHandler):
    """Litestar's handler, which computes values that never change once instead of for each request."""

    def __deepcopy__(self, _: object) -> Self:
        """Copy what a registration changes. Called by Litestar for each handler of a controller."""
        made = copy(self)
        made.opt = dict(self.opt)
        made._response_handler_mapping = self._response_handler_mapping.copy()
        return made

    @cached_property
    def default_deserializer(self) -> Callable[[Any, Any], Any]:
        """The decoder of parameters of types that JSON does not have."""
        return super().default_deserializer

    def to_response(
        self, app: litestar.Litestar, data: Any, request: litestar.Request[Any, Any, Any]
    ) -> Coroutine[Any, Any, ASGIApp]:
        """Return the response of what the handler has returned. Called by Litestar, which streams in a task of its own."""
        if isinstance(data, Stream):
            data.iterator = _without_exits(data.iterator)
        return super().to_response(app, data, request)

    def resolve_exception_handlers(self) -> ExceptionHandlersMap:
        """Return the handlers of the application, the plugin's router and the route. Called for requests only."""
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
    large_body: bool = False,
    reads_import: bool = False,
    form: Mapping[str, str] | None = None,
    limited: bool = False,
    session_only: bool = False,
    read_only: bool | None = None,
    csrf_checked: bool = False,
    content_policy: str | None = None,
    errors: ErrorFormat | None = None,
    placeholder: bool = False,
    **options: Any,
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Turn an `async def` into a route handler. Further `options` are those of Litestar's `HTTPRouteHandler`.

    A route of GET answers HEAD too: its handler runs, and the response is sent without a body.

    access: who may call it: `public` = without credentials; `user` = any account, pending ones too; `verified` = role
        user or admin; `admin`.
    requires: a collection action that the policies must allow the caller, written `kind:action`, such as
        `account:write`. Administrators' routes use this rather than `access="admin"`, so that an operator can allow
        others by a policy rule.
    permission: a key of the permission tree, such as `workspace.models`. Administrators do not need it.
    response_type: the type of the response body in the OpenAPI document, where the handler returns bytes. Error
        responses are described automatically; `responses` are merged over both.
    max_body: bytes; None = 64 KiB on public routes, else `server.max_form_bytes` for JSON.
    large_body: it takes JSON of up to `server.max_body_bytes`, such as chats.
    max_values: elements and members of a JSON body, at all levels together; None = the limit of the server.
    reads_import: the body is an import in any format, which the handler splits with `read_items`; its `data` is typed
        `msgspec.Raw` and is not decoded.
    form: the fields of a multipart form that the handler reads piece by piece, with what each is; `file` is the file.
    limited: it makes or opens copies, so it counts against the rate limit that an account has for such requests.
    session_only: API keys may not call it. Set it where credentials are created or changed.
    read_only: whether an API key with the scope `read` may call it; None = if the method is GET.
    csrf_checked: a GET that changes something, so a page of another site must not be able to cause it.
    content_policy: Content-Security-Policy of its responses, for a page that the server's own policy does not fit.
    errors: whose client packages read its errors: `openai`, `anthropic` or `ollama`. All errors, also those before the
        handler and within streams, then have the shape that these packages show; `detail` stays.
    placeholder: it is served only while no other plugin has a route of the same method and path, such as an empty list
        of a feature that no plugin provides. Any other route of two plugins is a conflict.

    Raises: TypeError for an option that is none of these, and for a handler that is not async; ValueError for a word
    that means nothing, such as an unknown permission.
    """
    check_options(options, _HTTP_OPTIONS)
    check_method(method, errors)
    opt = {**options.pop("opt", {}), **_access_options(access, requires, permission)}
    opt["session_only"], opt["csrf_checked"] = session_only, csrf_checked
    opt["reads_import"], opt["limited"] = reads_import, limited
    opt["errors"], opt["placeholder"] = errors, placeholder
    opt["large_body"] = large_body or reads_import or max_body is not None
    if read_only is not None:
        opt["read_only"] = read_only
    if content_policy is not None:
        opt["content_policy"] = csp_header(content_policy)
    if max_body is None and access == "public":
        max_body = MAX_PUBLIC_BODY_BYTES
    if max_body is not None:
        options["request_max_body_size"] = max_body
    if max_values is not None:
        opt["max_values"] = max_values
    further = options.pop("responses", {})

    def decorate(handler: Callable[..., Any]) -> HTTPRouteHandler:
        check_handler(handler, may_be_plain=options.get("sync_to_thread") is not None)
        make = PorticoRouteHandler(
            path,
            http_method=HttpMethod(method),
            status_code=status_code,
            opt=opt,
            responses=responses(
                handler, access=access, answers=response_type, limited=limited, form=errors
            )
            | further,
            operation_class=form_operation(form) if form else operation_of(handler),
            **options,
        )
        return make(handler)

    return decorate


def websocket(
    path: str | Sequence[str],
    *,
    access: Access = "verified",
    requires: str | None = None,
    permission: str | None = None,
    **options: Any,
) -> Callable[[Callable[..., Any]], WebsocketRouteHandler]:
    """Turn an `async def handler(socket: Socket) -> None` into the handler of a web socket.

    `access`, `requires` and `permission` are those of `route`. They are checked before the handshake is answered, so a
    caller without access gets the status and body that a request would get, and so does a page of another site. An
    error raised later closes the socket: a `DomainError` with 4000 + its status, any other with 1011.

    When the client is gone, or its session is revoked, sending and receiving raise `WebSocketDisconnect`. A handler that
    does neither is cancelled, five seconds after it last read. A client that does not take what is sent to it is
    disconnected. `server.send_timeout` is its time for one message.

    Raises: TypeError for an option that neither `route` nor Litestar's `WebsocketRouteHandler` has, and for a handler that
    is not async; ValueError for a word that means nothing, such as an unknown permission.
    """
    check_options(options, _WEBSOCKET_OPTIONS)
    opt = {**options.pop("opt", {}), **_access_options(access, requires, permission)}

    def decorate(handler: Callable[..., Any]) -> WebsocketRouteHandler:
        check_handler(handler)
        paths = path if isinstance(path, str) else list(path)
        return WebsocketRouteHandler(paths, opt=opt, **options)(catch_socket_errors(handler))

    return decorate


async def _without_exits(stream: Any) -> AsyncIterator[str | bytes]:
    """Yield the parts of a stream. Raises: PluginExit in place of what would end the process, or the stream in silence."""
    if not isinstance(stream, Iterable | AsyncIterable) and callable(stream):
        stream = stream()
    parts = stream if isinstance(stream, AsyncIterable) else AsyncIteratorWrapper(stream)
    try:
        async for part in parts:
            yield part
    except BaseException as error:
        if isinstance(error, Exception) or not is_failure(error):
            raise
        raise PluginExit from error


def _access_options(access: Access, requires: str | None, permission: str | None) -> dict[str, Any]:
    check_access(access, requires, permission)
    action = tuple(requires.split(":")) if requires else None
    return {"access": access, "requires": action, "permission": permission}


def _options_of(handler: type) -> frozenset[str]:
    return frozenset(inspect.signature(handler.__init__).parameters) - {"self", "kwargs"}  # type: ignore[misc]


_HTTP_OPTIONS = _options_of(HTTPRouteHandler)
_WEBSOCKET_OPTIONS = _options_of(WebsocketRouteHandler)

get = partial(route, method="GET")
post = partial(route, method="POST")
put = partial(route, method="PUT")
patch = partial(route, method="PATCH")
delete = partial(route, method="DELETE")
