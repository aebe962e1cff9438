"""What became of each installed plugin, for administrators."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from portico.web.response.json_response import JSONResponse, json_response
from portico.web.routes import get


class PluginInList(msgspec.Struct):
    """One installed plugin, or the core (`portico`). `state`: active, disabled or failed; `reason`: why, if not active.

    `contributes`: what it brings, by kind. `counters`: since this process began; `errors` are answers of 500, `stalls`
    times the event loop was blocked for longer than `server.loop_limit`, the other two are seconds.
    """

    name: str
    version: str
    distribution: str
    state: str
    reason: str
    summary: str
    requires: list[str]
    contributes: dict[str, list[str]]
    counters: dict[str, float]


def plugin_list_route(plugins: Callable[[], Sequence[dict[str, Any]]]) -> Any:
    """The route that lists them. `plugins`: as `PluginInList` has them, in order."""

    @get("/api/v1/plugins", access="admin", response_type=list[PluginInList], tags=["plugins"])
    async def list_plugins() -> JSONResponse:
        """Every installed plugin: its state, why, what it brings, and what went wrong in it since the start."""
        return json_response(plugins())

    return list_plugins
