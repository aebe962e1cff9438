"""The state of each installed plugin, for `portico plugin list`, `/ready` and the log."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

#: Characters of the reason for which a plugin failed.
MAX_REASON: Final = 2000


class PluginState(StrEnum):
    """`disabled`: not loaded, by choice. `failed`: removed because of an error."""

    ACTIVE = "active"
    DISABLED = "disabled"
    FAILED = "failed"


class FaultKind(StrEnum):
    """What is wrong with a failed plugin, in a word that may be public.

    `hook`: one that raises, or returns something else than it must. `timeout`: a call that did not end within its limit.
    """

    NAME = "name"
    IMPORT = "import"
    API_VERSION = "api version"
    HOOK = "hook"
    SETTINGS = "settings"
    CONFLICT = "conflict"
    REQUIREMENT = "requirement"
    MIGRATION = "migration"
    POLICY = "policy"
    ROUTES = "routes"
    STARTUP = "startup"
    TIMEOUT = "timeout"


@dataclass(slots=True)
class PluginRecord:
    """One installed plugin. `package`: the first part of its module's name. `reason`: why it is not active.

    `fault` and `at`: of a failed plugin, the kind of fault, and the plugin's own file and line, where it has one.
    `provides`: names of what it contributes, by kind. `unusable`: auth providers of an active plugin whose settings cannot
    work, each with the reason.
    """

    name: str
    version: str
    distribution: str
    package: str = ""
    state: PluginState = PluginState.ACTIVE
    reason: str = ""
    trace: str = ""
    fault: FaultKind | None = None
    at: str = ""
    summary: str = ""
    requires: tuple[str, ...] = ()
    identifies_users: bool = False
    provides: dict[str, list[str]] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """Return the record as JSON values, without the trace, which may contain a secret."""
        found: dict[str, Any] = _encodable(self._described())
        return found

    def _described(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "version": self.version,
            "distribution": self.distribution,
            "state": str(self.state),
            "reason": self.reason,
            "fault": self.fault and str(self.fault),
            "at": self.at,
            "summary": self.summary,
            "requires": list(self.requires),
            "contributes": self.provides,
            "unusable": self.unusable,
        }

    def fail(self, reason: str, trace: str = "", *, kind: FaultKind, at: str = "") -> None:
        """Mark the plugin as failed. `trace`: for its author. `at`: its own file and line, such as `acme/routes.py:12`."""
        self.state, self.reason, self.trace = PluginState.FAILED, printable(reason), trace
        self.fault, self.at = kind, at
        self.provides, self.unusable = {}, {}


def _encodable(value: Any) -> Any:
    """Return the value with characters that are not Unicode escaped: a plugin may name a thing as it likes."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case list():
            return [_encodable(one) for one in value]
        case dict():
            return {_encodable(key): _encodable(one) for key, one in value.items()}
        case _:
            return value


def printable(text: str) -> str:
    """Return a text of a plugin as a terminal and JSON can show it: shortened, without control characters."""
    shown = "".join(c if c.isprintable() or c == "\n" else "?" for c in text[:MAX_REASON])
    return shown + "…" * (len(text) > MAX_REASON)


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

    @property
    def unusable_providers(self) -> list[tuple[str, str, str]]:
        """Auth providers whose settings cannot work: plugin, name of the provider, reason."""
        return [
            (record.name, provider, reason)
            for record in self
            for provider, reason in record.unusable.items()
        ]

    def public_faults(self) -> list[dict[str, str]]:
        """Return what is wrong, for everyone to read: plugin, provider if only that is disabled, and the kind of fault."""
        failed = [
            {"plugin": record.name, "reason": "failed", "fault": str(record.fault)}
            for record in self.failed
        ]
        disabled = [
            {
                "plugin": name,
                "provider": provider,
                "reason": "disabled",
                "fault": FaultKind.SETTINGS,
            }
            for name, provider, _ in self.unusable_providers
        ]
        return failed + disabled
