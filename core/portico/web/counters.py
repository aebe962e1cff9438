"""Errors and event loop stalls of each plugin since the process started: counts and seconds, no texts."""

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
    """The counters of one application, by plugin; `portico` is the core. Thread-safe."""

    def __init__(self) -> None:
        self._of: defaultdict[str, PluginCounters] = defaultdict(PluginCounters)

    def failed(self, plugin: str) -> None:
        """Count a request of this plugin that ended with 500."""
        self._of[plugin].errors += 1

    def stalled(self, plugin: str, seconds: float) -> None:
        """Count one blocking of the event loop by this plugin."""
        found = self._of[plugin]
        found.stalls += 1
        found.stalled_seconds = round(found.stalled_seconds + seconds, 3)
        found.longest_stall = max(found.longest_stall, round(seconds, 3))

    def of(self, plugin: str) -> dict[str, float]:
        """Return the counters of a plugin; all 0 if nothing went wrong in it."""
        return asdict(self._of.get(plugin) or PluginCounters())
