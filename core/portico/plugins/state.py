"""What became of each installed plugin, for `portico plugins`, `/ready` and the log."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"
    FAILED = "failed"


@dataclass(slots=True)
class Record:
    """One installed plugin. `brings`: what it contributes, by kind, in words an operator understands."""

    name: str
    version: str
    distribution: str
    state: State = State.ACTIVE
    reason: str = ""
    trace: str = ""
    summary: str = ""
    requires: tuple[str, ...] = ()
    brings: dict[str, list[str]] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """The record for programs. Its trace is left out: it may quote a secret."""
        return {
            "name": self.name,
            "version": self.version,
            "distribution": self.distribution,
            "state": str(self.state),
            "reason": self.reason,
            "summary": self.summary,
            "requires": list(self.requires),
            "contributes": self.brings,
        }

    def fail(self, reason: str, trace: str = "") -> None:
        self.state, self.reason, self.trace = State.FAILED, reason, trace
        self.brings = {}


class Register:
    """The records of all installed plugins, by name."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}

    def add(self, record: Record) -> None:
        self._records[record.name] = record

    def __getitem__(self, name: str) -> Record:
        return self._records[name]

    def __contains__(self, name: object) -> bool:
        return name in self._records

    def __iter__(self) -> Iterator[Record]:
        return iter(sorted(self._records.values(), key=lambda record: record.name))

    @property
    def names(self) -> set[str]:
        return set(self._records)

    @property
    def failed(self) -> list[Record]:
        return [record for record in self if record.state is State.FAILED]
