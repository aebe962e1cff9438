"""What a backup is made of, and restored into: the database, stored contents, policy files and keys of this installation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from portico.backup.contents import StoredContents
from portico.db import Database, TableSet
from portico.settings.schema import CoreSettings


class Progress(Protocol):
    """Shows how far a backup is."""

    def stage(self, label: str, total: int = 0) -> None:
        """Begin a stage. `total`: its bytes; 0 = not known."""
        ...

    def advance(self, size: int) -> None:
        """Say that so many bytes are done. May be called in any thread."""
        ...

    def note(self, sentence: str) -> None:
        """Tell the operator something that does not end the work."""
        ...


@dataclass(frozen=True)
class Installation:
    """This installation. Nothing of it is open. `contents`: by `plugin:name`."""

    settings: CoreSettings
    database: Database
    table_sets: Mapping[str, TableSet]
    contents: Mapping[str, StoredContents] = field(default_factory=dict)

    @property
    def data_dir(self) -> Path:
        """The data directory."""
        return Path(self.settings.data_dir).absolute()

    @property
    def policy_dir(self) -> Path | None:
        """The directory of the operator's policy files; None = none is configured."""
        directory = self.settings.access.policy_dir
        return Path(directory).absolute() if directory else None
