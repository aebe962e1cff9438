"""The list of installed plugins with their states, for administrators."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from portico.web.response.json_response import JSONResponse, json_response
from portico.web.routes import get


class PluginInList(msgspec.Struct):
    """One installed plugin, or the core (`portico`). `state`: active, disabled or failed; `reason`: why, if not active.

    `fault` and `at`: of a failed plugin, the kind of fault, and the plugin's own file and line where it has one.
    `contributes`: what it provides, by kind; of a placeholder route that another plugin serves, it names that plugin.
    `unusable`: its auth providers whose settings cannot work, each with the reason. `counters`: since this process started; `errors`: responses with status 500, `failures`: other calls into it that raised or
    took too long, `stalls`: how often it blocked the event
    loop for longer than `server.loop_limit`; the other two are seconds.
    """

    name: str
    version: str
    distribution: str
    state: str
    reason: str
    fault: str | None
    at: str
    summary: str
    requires: list[str]
    contributes: dict[str, list[str]]
    unusable: dict[str, str]
    counters: dict[str, float]


def plugin_list_route(plugins: Callable[[], Sequence[dict[str, Any]]]) -> Any:
    """Return the route that lists plugins. `plugins`: the items of the list, in order, shaped as `PluginInList`."""

    @get("/api/v1/plugins", access="admin", response_type=list[PluginInList], tags=["plugins"])
    async def list_plugins() -> JSONResponse:
        """List the installed plugins: state and reason, what each provides, and its errors since the server started."""
        return json_response(plugins())

    return list_plugins
