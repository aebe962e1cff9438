"""Checks what `register_routes` returns: handlers and controllers, who may call them, and that no two are the same route.

Litestar would silently serve the second of two handlers of the same method and path.
"""

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import litestar
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler, WebsocketRouteHandler
from litestar.utils.path import join_paths

from portico.plugins.faults import DeclarationFault
from portico.web.handler_map import is_automatic
from portico.web.route_faults import check_access

#: A parameter with its name and type, which do not tell routes apart.
_PARAMETER: Final = re.compile(r"\{[^}]*\}")


def check_routes(items: tuple[Any, ...]) -> None:
    """Check the handlers and controllers of a plugin. Raises: DeclarationFault."""
    seen: dict[tuple[str, str], Any] = {}
    for number, item in enumerate(items, start=1):
        if not _is_route(item):
            raise DeclarationFault(_not_a_route(number, item), item)
        for path, handler in _handlers(item):
            function = handler.fn
            _check_callers(path, handler, function)
            methods = _methods(handler)
            for method in methods:
                key = str(getattr(method, "value", method)), _PARAMETER.sub("{}", path)
                if key in seen:
                    raise DeclarationFault(
                        f"it has the route {key[0]} {path} twice; remove one, or change its path",
                        function,
                    )
                seen[key] = function


def _is_route(item: Any) -> bool:
    if inspect.isclass(item):
        return issubclass(item, litestar.Controller)
    return isinstance(item, BaseRouteHandler | litestar.Router)


def _not_a_route(number: int, item: Any) -> str:
    if inspect.isfunction(item):
        return f"item {number} is the function {item.__name__}; decorate it with get, post, … of portico.api.web"
    if isinstance(item, litestar.Controller):
        return f"item {number} is a controller; return its class, {type(item).__name__}"
    name = f"the class {item.__name__}" if inspect.isclass(item) else f"a {type(item).__name__}"
    return f"item {number} is {name}; return handlers and controllers of portico.api.web"


def _check_callers(path: str, handler: BaseRouteHandler, function: Any) -> None:
    """Check who may call a handler that was made with another decorator than those of `portico.api.web`."""
    opt = handler.opt
    requires = opt.get("requires")
    try:
        check_access(
            opt.get("access", "verified"),
            ":".join(requires) if isinstance(requires, tuple) else requires,
            opt.get("permission"),
        )
    except ValueError as error:
        raise DeclarationFault(f"the route {path}: {error}", function) from None


def _methods(handler: BaseRouteHandler) -> Iterable[Any]:
    if isinstance(handler, HTTPRouteHandler):
        return handler.http_methods
    return ["WEBSOCKET" if isinstance(handler, WebsocketRouteHandler) else "ASGI"]


def _handlers(item: Any) -> Iterator[tuple[str, BaseRouteHandler]]:
    """Yield each path of an item with its handler."""
    if isinstance(item, BaseRouteHandler):
        yield from ((join_paths(["/", path]), item) for path in item.paths or {"/"})
    elif isinstance(item, litestar.Router):
        routes: list[Any] = item.routes
        for route in routes:
            for handler in getattr(route, "route_handlers", None) or (route.route_handler,):
                if not (isinstance(handler, HTTPRouteHandler) and is_automatic(handler)):
                    yield route.path, handler
    elif inspect.isclass(item):
        names = {name for kind in item.__mro__[:-1] for name in vars(kind) if name[:1] != "_"}
        members = (getattr(item, name, None) for name in sorted(names))
        own = getattr(item, "path", "")
        prefix = (
            own if isinstance(own, str) else ""
        )  # a slot, where the controller declares no path
        for handler in members:
            if isinstance(handler, BaseRouteHandler):
                yield from (
                    (join_paths(["/", prefix, path]), handler) for path in handler.paths or {"/"}
                )
