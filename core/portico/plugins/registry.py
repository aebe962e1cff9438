"""The state of each installed plugin, for `portico plugin list`, `/ready` and the log."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class PluginState(StrEnum):
    """`disabled`: not loaded, by choice. `failed`: removed because of an error."""

    ACTIVE = "active"
    DISABLED = "disabled"
    FAILED = "failed"


@dataclass(slots=True)
class PluginRecord:
    """One installed plugin. `reason`: why it is not active. `provides`: names of what it contributes, by kind."""

    name: str
    version: str
    distribution: str
    state: PluginState = PluginState.ACTIVE
    reason: str = ""
    trace: str = ""
    summary: str = ""
    requires: tuple[str, ...] = ()
    provides: dict[str, list[str]] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """Return the record as JSON values, without the trace, which may contain a secret."""
        return {
            "name": self.name,
            "version": self.version,
            "distribution": self.distribution,
            "state": str(self.state),
            "reason": self.reason,
            "summary": self.summary,
            "requires": list(self.requires),
            "contributes": self.provides,
        }

    def fail(self, reason: str, trace: str = "") -> None:
        """Mark the plugin as failed."""
        self.state, self.reason, self.trace = PluginState.FAILED, reason, trace
        self.provides = {}


class PluginRegistry:
    """The records of all installed plugins, by name."""

    def __init__(self) -> None:
        self._records: dict[str, PluginRecord] = {}

    def add(self, record: PluginRecord) -> None:
        self._records[record.name] = record

    def __getitem__(self, name: str) -> PluginRecord:
        return self._records[name]

    def __contains__(self, name: object) -> bool:
        return name in self._records

    def __iter__(self) -> Iterator[PluginRecord]:
        return iter(sorted(self._records.values(), key=lambda record: record.name))

    @property
    def names(self) -> set[str]:
        return set(self._records)

    @property
    def failed(self) -> list[PluginRecord]:
        return [record for record in self if record.state is PluginState.FAILED]
