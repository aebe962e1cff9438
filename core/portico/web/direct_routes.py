"""Serves routes that use nothing of Litestar but its router, parameters and responses, in one step.

For each request Litestar looks for hooks, guards and dependencies of the route, and puts a layer that answers errors
before and after each middleware. Most routes have none of these, so their handlers are called from here: found by the same
router, after the same access check, with the same parameters, and with the same responses to errors. All other routes,
web sockets, and requests that no route answers are Litestar's.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple, cast

from litestar import Litestar
from litestar._asgi.utils import is_valid_host
from litestar._kwargs import KwargsModel
from litestar.datastructures.multi_dicts import FormMultiDict
from litestar.enums import ScopeType
from litestar.exceptions import ClientException, SerializationException
from litestar.handlers import HTTPRouteHandler
from litestar.middleware._internal.exceptions.middleware import get_exception_handler
from litestar.routes import HTTPRoute
from litestar.types import Empty, Receive, Scope, Send
from litestar.utils import normalize_path
from litestar.utils.scope.state import ScopeState

from portico.audit import acting_as
from portico.web.auth.access_check import AccessCheck
from portico.web.middleware.response_headers import ResponseSender
from portico.web.response.json_response import JSONResponse
from portico.web.response.stream import StreamResponse

#: Paths whose route is remembered, as many as by Litestar's router.
MAX_KNOWN_PATHS = 1024


class DirectRoute(NamedTuple):
    """A route that is served here. `takes_body`: its only parameters are the request and the JSON of its body."""

    handler: HTTPRouteHandler
    parameters: KwargsModel
    takes_body: bool


class FoundRoute(NamedTuple):
    """The route of one path and method. `path`: without repeated slashes."""

    route: DirectRoute
    path: str
    path_params: dict[str, Any]
    template: str


class DirectRoutes:
    """The routes of one application that are served here, known when all are registered."""

    def __init__(self, app: Litestar, access: AccessCheck) -> None:
        self._app, self._access = app, access
        self._routes: dict[tuple[str, str], DirectRoute] = {
            (route.path_format, method): DirectRoute(handler, parameters, _takes_body(parameters))
            for route in app.routes
            if isinstance(route, HTTPRoute)
            for method, (handler, parameters) in route.route_handler_map.items()
            if _is_direct(app, handler, parameters)
        }
        self._known = lru_cache(MAX_KNOWN_PATHS)(self._look_up)

    def find(self, scope: Scope) -> FoundRoute | None:
        """Return the route of a request; None if Litestar answers it, perhaps with an error."""
        if scope["type"] != ScopeType.HTTP:
            return None
        for name, value in scope["headers"]:
            if name == b"host" and not is_valid_host(value):
                return None
        path = scope["path"]
        if root := scope.get("root_path"):
            path = path.split(root, maxsplit=1)[-1]
        return self._known(path, scope["method"])

    async def serve(self, found: FoundRoute, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. Raises: what happens after the response has begun."""
        fields = cast("dict[str, Any]", scope)
        fields["app"] = fields["litestar_app"] = self._app
        fields.setdefault("state", {})
        fields["route_handler"] = found.route.handler
        fields["path"], fields["path_params"] = found.path, found.path_params
        fields["path_template"] = found.template
        try:
            actor = await self._access.check(scope)
            if actor is None:
                await self._respond(found.route, scope, receive, send)
            else:
                with acting_as(actor.id):
                    await self._respond(found.route, scope, receive, send)
        except Exception as error:
            if isinstance(send, ResponseSender) and send.began:
                raise
            await self._respond_to_error(error, scope, receive, send)

    async def _respond(
        self, route: DirectRoute, scope: Scope, receive: Receive, send: Send
    ) -> None:
        handler = route.handler
        request = handler.resolve_request_class()(scope, receive, send)
        try:
            data = handler.fn(**await _arguments(route, request))
            if not handler.has_sync_callable:
                data = await data
            if isinstance(data, JSONResponse | StreamResponse):
                await data(scope, receive, send)
                return
            response = await handler.to_response(app=self._app, data=data, request=request)
            await response(scope, receive, send)
        finally:
            if (form := ScopeState.from_scope(scope).form) is not Empty:
                await FormMultiDict.from_form_data(cast("dict[str, Any]", form)).close()

    async def _respond_to_error(
        self, error: Exception, scope: Scope, receive: Receive, send: Send
    ) -> None:
        handler = scope["route_handler"]
        answer = get_exception_handler(handler.resolve_exception_handlers(), error)
        if answer is None:
            raise error
        request = self._app.request_class(scope, receive, send)
        response: Any = answer(request, error)
        encoders = handler.resolve_type_encoders()
        await response.to_asgi_response(app=None, request=request, type_encoders=encoders)(
            scope, receive, send
        )

    def _look_up(self, path: str, method: str) -> FoundRoute | None:
        path = normalize_path(path)
        try:
            _, _, path, path_params, template = self._app.asgi_router.handle_routing(
                path=path, method=method
            )
        except Exception:  # noqa: BLE001 - raised again by Litestar, which answers it
            return None
        route = self._routes.get((template, method))
        return FoundRoute(route, path, path_params, template) if route else None


async def _arguments(route: DirectRoute, request: Any) -> dict[str, Any]:
    """Return the arguments of a handler. Raises: HTTPException, and the errors of the body."""
    if route.takes_body and await request.body():
        return {"request": request, "data": request.decoded_body}
    model = route.handler.signature_model
    if not route.parameters.has_kwargs or model is None:
        return {}
    try:
        given = await route.parameters.to_kwargs(connection=request)
    except SerializationException as error:
        raise ClientException(str(error)) from error
    if given.get("data") is Empty:
        del given["data"]
    return model.parse_values_from_connection_kwargs(connection=request, kwargs=given)


def _is_direct(app: Litestar, handler: HTTPRouteHandler, parameters: KwargsModel) -> bool:
    """Return whether a route uses nothing of Litestar that is not done here."""
    return len(handler.resolve_middleware()) == len(app.middleware) and not any(
        _uses(handler, parameters)
    )


def _takes_body(parameters: KwargsModel) -> bool:
    others = (
        parameters.expected_path_params, parameters.expected_query_params, parameters.expected_header_params,
        parameters.expected_cookie_params, parameters.expected_form_data, parameters.expected_msgpack_data,
    )  # fmt: skip
    return parameters.expected_reserved_kwargs == {"request", "data"} and not any(others)


def _uses(handler: HTTPRouteHandler, parameters: KwargsModel) -> Iterator[object]:
    yield handler.cache
    yield handler.resolve_guards()
    yield handler.resolve_before_request()
    yield handler.resolve_after_response()
    yield any(layer.after_request for layer in handler.ownership_layers)
    yield parameters.dependency_batches
