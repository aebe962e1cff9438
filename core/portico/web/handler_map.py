"""Routers that extend their map of paths to handlers with each route, instead of building it again for each."""

from collections import defaultdict
from typing import Any

from litestar import Router
from litestar.handlers import HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute, WebSocketRoute


class GrowingMap(Router):
    """A router that registers many routes in time proportional to their number.

    Litestar reads the whole map for every route that it registers, and builds it from all routes each time.
    """

    _mapped: tuple[list[BaseRoute], dict[str, Any]] = ([], {})

    @property
    def route_handler_method_map(self) -> dict[str, Any]:
        """Handlers by path and method, as in Litestar's routers."""
        known, found = self._mapped
        if not known or self.routes[: len(known)] != known:
            known, found = [], defaultdict(dict)
        for route in self.routes[len(known) :]:
            if isinstance(route, HTTPRoute):
                for handler in route.route_handlers:
                    if is_automatic(handler):
                        continue
                    found[route.path].update(dict.fromkeys(handler.http_methods, handler))
            else:
                kind = "websocket" if isinstance(route, WebSocketRoute) else "asgi"
                found[route.path][kind] = route.route_handler
        self._mapped = list(self.routes), found
        return found


def is_automatic(handler: HTTPRouteHandler) -> bool:
    """Return whether Litestar made this handler, which answers OPTIONS. It makes one for each path that has none.

    So it is not part of a map: a path whose methods belong to two plugins would have two of them.
    """
    return handler.http_methods == {"OPTIONS"}
