"""The routes of one plugin. Imported only by processes that serve routes or list them: it needs the web framework."""

import inspect
from collections.abc import Collection, Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property
from typing import Any, TypeGuard

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute, WebSocketRoute

from portico.plugins.checks.routes import check_routes
from portico.plugins.route_keys import route_key
from portico.web.handler_map import GrowingMap, is_automatic
from portico.web.routes import Controller


class PluginRouter(GrowingMap):
    """The routes of one plugin, under its name.

    Litestar copies each router that it is given, down to every default of every parameter, which took a fifth of the
    startup time. The first application takes this router itself; another one, which is built after a plugin has failed,
    takes a router with the same handlers.
    """

    def __init__(self, plugin: str, handlers: Sequence[Any]) -> None:
        super().__init__(path="/", route_handlers=handlers, opt={"plugin": plugin}, tags=[plugin])
        self._arguments = plugin, handlers
        self._declared = tuple(self.routes)
        self._displaced: frozenset[tuple[str, str]] = frozenset()

    def __deepcopy__(self, _: object) -> "PluginRouter":
        if self.owner is None:
            return self
        copied = PluginRouter(*self._arguments)
        copied.give_way(self._displaced)
        return copied

    def faulty_item(self) -> Any:
        """Return the first handler or controller that no application takes; None if each is right by itself."""
        for item in self._arguments[1]:
            try:
                Litestar([PluginRouter(self._arguments[0], [item])], openapi_config=None)
            except Exception:  # noqa: BLE001 - the web framework raises what the item's annotations raise
                return item
        return None

    @property
    def required_actions(self) -> Iterator[tuple[str, Any]]:
        """The paths whose callers need to be allowed an action, each with its handler."""
        for route in self._declared:
            for handler in _handlers(route):
                if handler.opt.get("requires"):
                    yield _path_of(route), handler

    @cached_property
    def placeholders(self) -> frozenset[tuple[str, str]]:
        """Those of all declared paths, in the shape of `paths`, that give way to routes of other plugins."""
        return frozenset(
            (method, _path_of(route))
            for route in self._declared
            for handler in _handlers(route)
            if handler.opt.get("placeholder")
            for method in handler.http_methods
        )

    @cached_property
    def declared_paths(self) -> frozenset[tuple[str, str]]:
        """All declared paths that are no placeholders, in the shape of `paths`, whether they are served or not."""
        return frozenset(_paths_of(self._declared)) - self.placeholders

    @cached_property
    def declared_keys(self) -> tuple[tuple[str, str], ...]:
        """`route_key` of each of `declared_paths`, sorted by path."""
        return tuple(route_key(*one) for one in sorted(self.declared_paths, key=_by_path))

    @cached_property
    def operation_ids(self) -> tuple[str, ...]:
        """The ids in the OpenAPI document that the plugin chose itself, sorted; one twice that two operations have."""
        return tuple(
            sorted(
                handler.operation_id
                for route in self._declared
                for handler in _handlers(route)
                for _ in getattr(handler, "http_methods", ())
                if _has_operation_id(handler)
            )
        )

    def give_way(self, displaced: Collection[tuple[str, str]]) -> None:
        """Leave out these paths, which other plugins serve, and no others."""
        if self._displaced == displaced:
            return
        self._displaced = frozenset(displaced)
        left = (_without(route, self._displaced) for route in self._declared)
        self.routes = [route for route in left if route is not None]
        for derived in ("paths", "own_paths", "public_paths"):
            self.__dict__.pop(derived, None)

    @cached_property
    def paths(self) -> tuple[tuple[str, str], ...]:
        """Pairs of method (WEBSOCKET for a web socket) and path, parameters without their names, sorted by path."""
        return tuple(sorted(_paths_of(self.routes), key=_by_path))

    @cached_property
    def own_paths(self) -> tuple[tuple[str, str], ...]:
        """Those of `paths` that are no placeholders."""
        return tuple(one for one in self.paths if one not in self.placeholders)

    @cached_property
    def public_paths(self) -> list[str]:
        """The paths of the routes that need no credentials, sorted."""
        found = {
            route.path_format
            for route in self.routes
            for handler in _handlers(route)
            if handler.opt.get("access") == "public"
        }
        return sorted(found)


def plugin_router(plugin: str, handlers: Iterable[Any], components: Any) -> PluginRouter:
    """Return the router of these handlers and controllers. `components`: what controllers have as `self.plugin`.

    Raises: DeclarationFault.
    """
    items = tuple(handlers)
    check_routes(items)
    return PluginRouter(
        plugin,
        [one.for_plugin(components) if _is_controller(one) else one for one in items],
    )


def _is_controller(route: Any) -> TypeGuard[type[Controller]]:
    return inspect.isclass(route) and issubclass(route, Controller)


def _path_of(route: BaseRoute) -> str:
    return "/" + "/".join(
        part if isinstance(part, str) else "{" + part.type.__name__ + "}"
        for part in route.path_components
    )


def _paths_of(routes: Iterable[BaseRoute]) -> set[tuple[str, str]]:
    """Return method (WEBSOCKET for a web socket) and path of each route."""
    found = set()
    for route in routes:
        path = _path_of(route)
        socket = isinstance(route, WebSocketRoute)
        methods = {"WEBSOCKET"} if socket else getattr(route, "methods", None) or {"ANY"}
        found |= {(method, path) for method in methods if method != "OPTIONS"}
    return found


def _by_path(pair: tuple[str, str]) -> tuple[str, str]:
    return pair[1], pair[0]


def _without(route: Any, displaced: frozenset[tuple[str, str]]) -> Any:
    """Return the route without the displaced methods; None if none is left."""
    path = _path_of(route)
    if not isinstance(route, HTTPRoute):
        return None if displaced & _paths_of([route]) else route
    own = [one for one in route.route_handlers if not is_automatic(one)]
    left = [without for one in own if (without := _without_methods(one, path, displaced))]
    if left == own:
        return route
    return HTTPRoute(path=route.path, route_handlers=left) if left else None


def _without_methods(
    handler: HTTPRouteHandler, path: str, displaced: frozenset[tuple[str, str]]
) -> HTTPRouteHandler | None:
    """Return the handler, or a copy for those of its methods that are left; None if none is."""
    left = {way for way in handler.http_methods if (way, path) not in displaced}
    if len(left) == len(handler.http_methods):
        return handler
    if not left:
        return None
    made = copy(handler)
    made.http_methods = left
    return made


def _has_operation_id(handler: Any) -> bool:
    return isinstance(getattr(handler, "operation_id", None), str)


def _handlers(route: Any) -> Iterable[Any]:
    """Return the handlers of a path: one for each method, or the one of a web socket."""
    several: Iterable[Any] = getattr(route, "route_handlers", None) or (route.route_handler,)
    return several
