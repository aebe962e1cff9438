"""The routes of one plugin. Imported only by processes that serve routes or list them: it needs the web framework."""

import inspect
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, TypeGuard

from litestar.routes import WebSocketRoute

from portico.web.handler_map import GrowingMap
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

    def __deepcopy__(self, _: object) -> "PluginRouter":
        return self if self.owner is None else PluginRouter(*self._arguments)

    @cached_property
    def paths(self) -> tuple[tuple[str, str], ...]:
        """Pairs of method (WEBSOCKET for a web socket) and path, parameters without their names, sorted by path."""
        found = set()
        for route in self.routes:
            path = "/" + "/".join(
                part if isinstance(part, str) else "{" + part.type.__name__ + "}"
                for part in route.path_components
            )
            socket = isinstance(route, WebSocketRoute)
            methods = {"WEBSOCKET"} if socket else getattr(route, "methods", None) or {"ANY"}
            found |= {(method, path) for method in methods if method != "OPTIONS"}
        return tuple(sorted(found, key=lambda pair: (pair[1], pair[0])))

    @property
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
    """Return the router of these handlers and controllers. `components`: what controllers have as `self.plugin`."""
    return PluginRouter(
        plugin,
        [one.for_plugin(components) if _is_controller(one) else one for one in handlers],
    )


def _is_controller(route: Any) -> TypeGuard[type[Controller]]:
    return inspect.isclass(route) and issubclass(route, Controller)


def _handlers(route: Any) -> Iterable[Any]:
    """Return the handlers of a path: one for each method, or the one of a web socket."""
    several: Iterable[Any] = getattr(route, "route_handlers", None) or (route.route_handler,)
    return several
