"""What has happened since the process started: responses, open streams, and errors and stalls of each plugin.

Counts and seconds, no texts.
"""

from collections import defaultdict
from dataclasses import asdict, dataclass

from portico.metrics import Histogram
from portico.plugin_errors.plugin_code import PluginCode

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


class Counters:
    """The counters of one application. `code`: finds the plugin that an error is counted for.

    `responses`: by route template, and by the first digit of the status; a path without a route has an empty template.
    `open_streams`: responses of model sources that are being sent. `loop_lag`: how long callbacks waited for the event
    loop, in seconds. Those by plugin, where `portico` is the core, may be counted in any thread.
    """

    def __init__(self, code: PluginCode | None = None) -> None:
        self.code = code or PluginCode()
        self.responses: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.open_streams = 0
        self.loop_lag = Histogram(LAG_BOUNDS)
        self._of: defaultdict[str, PluginCounters] = defaultdict(PluginCounters)

    def failed(self, plugin: str) -> None:
        """Count a request of this plugin that ended with 500."""
        self._of[plugin].errors += 1

    def plugin_failed(self, plugin: str) -> None:
        """Count a call into this plugin, other than a request, that raised or took too long."""
        self._of[plugin].failures += 1

    def stalled(self, plugin: str, seconds: float) -> None:
        """Count one blocking of the event loop by this plugin."""
        found = self._of[plugin]
        found.stalls += 1
        found.stalled_seconds = round(found.stalled_seconds + seconds, 3)
        found.longest_stall = max(found.longest_stall, round(seconds, 3))

    @property
    def plugins(self) -> dict[str, PluginCounters]:
        """The counters of the plugins that have any."""
        return dict(self._of)

    def of(self, plugin: str) -> dict[str, float]:
        """Return the counters of a plugin; all 0 if nothing went wrong in it."""
        return asdict(self._of.get(plugin) or PluginCounters())
