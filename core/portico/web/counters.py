"""What has happened since the process started: responses, open streams, and errors and stalls of each plugin.

Counts and seconds, no texts.
"""

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from portico.metrics import Histogram
from portico.plugin_errors.plugin_code import PluginCode

if TYPE_CHECKING:  # commands and workers count, too, and do without the web framework
    from litestar.types import Scope

_CORE = "portico"
#: Upper ends, in seconds, of the ranges by which responses are counted: few, since each route has all of them.
RESPONSE_BOUNDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0)
#: Upper ends, in seconds, of the ranges by which delays of the event loop are counted.
LAG_BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(slots=True)
class PluginCounters:
    """What went wrong in a plugin.

    `errors`: requests that ended with 500. `failures`: other calls into it that raised, or took too long. `stalls`: times the
    event loop was blocked; the others are seconds.
    """

    errors: int = 0
    failures: int = 0
    stalls: int = 0
    stalled_seconds: float = 0.0
    longest_stall: float = 0.0


class RouteCounters:
    """The responses of one route. `statuses`: how many, by status. `seconds`: until they began."""

    __slots__ = ("plugin", "seconds", "statuses")

    def __init__(self, plugin: str) -> None:
        self.plugin = plugin
        self.statuses: defaultdict[int, int] = defaultdict(int)
        self.seconds = Histogram(RESPONSE_BOUNDS)


class Counters:
    """The counters of one application. `code`: finds the plugin that an error is counted for.

    `routes`: by template; a path without a route has an empty one. `open_streams`: responses of model sources that are
    being sent; `ended_streams`: those that were, by their end. `loop_lag`: how long callbacks waited for the event
    loop, in seconds; `blocked`: for how long, by plugin and place. Those by plugin, where `portico` is the core, may be counted in any thread.
    """

    def __init__(self, code: PluginCode | None = None) -> None:
        self.code = code or PluginCode()
        self.routes: dict[str, RouteCounters] = {}
        self.open_streams = 0
        self.ended_streams: defaultdict[str, int] = defaultdict(int)
        self.loop_lag = Histogram(LAG_BOUNDS)
        self.blocked: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._of: defaultdict[str, PluginCounters] = defaultdict(PluginCounters)

    def responded(self, scope: "Scope", status: int, seconds: float) -> None:
        """Count a response that begins, by the template of its route and never by its path. `seconds`: since its request."""
        template: str = scope.get("path_template", "")
        route = self.routes.get(template)
        if route is None:
            handler = scope.get("route_handler")
            plugin = _CORE if handler is None else handler.opt.get("plugin", _CORE)
            route = self.routes[template] = RouteCounters(plugin)
        route.statuses[status] += 1
        route.seconds.observe(seconds)

    def failed(self, plugin: str) -> None:
        """Count a request of this plugin that ended with 500."""
        self._of[plugin].errors += 1

    def plugin_failed(self, plugin: str) -> None:
        """Count a call into this plugin, other than a request, that raised or took too long."""
        self._of[plugin].failures += 1

    def stalled(self, plugin: str, seconds: float, place: str = "") -> None:
        """Count one blocking of the event loop by this plugin. `place`: the route or task; empty = neither."""
        found = self._of[plugin]
        found.stalls += 1
        found.stalled_seconds = round(found.stalled_seconds + seconds, 3)
        found.longest_stall = max(found.longest_stall, round(seconds, 3))
        self.blocked[plugin, place] += seconds

    @property
    def plugins(self) -> dict[str, PluginCounters]:
        """The counters of the plugins that have any."""
        return dict(self._of)

    def of(self, plugin: str) -> dict[str, float]:
        """Return the counters of a plugin; all 0 if nothing went wrong in it."""
        return asdict(self._of.get(plugin) or PluginCounters())
