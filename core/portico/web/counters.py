"""What went wrong in each plugin since the process began: counts and seconds, no texts."""

from collections import defaultdict
from dataclasses import asdict, dataclass


@dataclass(slots=True)
class PluginCounters:
    """`errors`: requests that ended with 500. `stalls`: times the event loop was blocked; the others are seconds."""

    errors: int = 0
    stalls: int = 0
    stalled_seconds: float = 0.0
    longest_stall: float = 0.0


class Counters:
    """Those of one application, by plugin; `portico` is the core. Safe to call from any thread."""

    def __init__(self) -> None:
        self._of: defaultdict[str, PluginCounters] = defaultdict(PluginCounters)

    def failed(self, plugin: str) -> None:
        """A request of this plugin ended in an error nobody foresaw."""
        self._of[plugin].errors += 1

    def stalled(self, plugin: str, seconds: float) -> None:
        """The plugin blocked the event loop."""
        found = self._of[plugin]
        found.stalls += 1
        found.stalled_seconds = round(found.stalled_seconds + seconds, 3)
        found.longest_stall = max(found.longest_stall, round(seconds, 3))

    def of(self, plugin: str) -> dict[str, float]:
        return asdict(self._of.get(plugin) or PluginCounters())
