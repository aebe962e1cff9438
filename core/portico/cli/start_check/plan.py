"""What a check of a start works with, and what it finds."""

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from portico.settings.load import LoadedSettings

#: Seconds beyond `server.start_limit`, for the copy and for migrations.
MORE_SECONDS: Final = 120.0


@dataclasses.dataclass(slots=True)
class StartCheck:
    """What serving would say. `plugins`: as `PluginRecord.described()`.

    `refusals`: why the server would not start. `notes`: what was not tried, and policy files that would be rejected.
    """

    plugins: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    refusals: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Those of `plugins` that would fail."""
        return [one for one in self.plugins if one["state"] == "failed"]


@dataclasses.dataclass(frozen=True, slots=True)
class CheckPlan:
    """What one check works with. `schema`: of PostgreSQL, made for it. `directory`: the data directory of the start."""

    loaded: LoadedSettings
    directory: Path
    schema: str
    packaged_policies_only: bool

    @property
    def data_dir(self) -> Path:
        """The data directory of the settings."""
        return Path(self.loaded.settings.data_dir).absolute()


@contextlib.contextmanager
def working_directory(loaded: LoadedSettings) -> Iterator[Path]:
    """Make a directory beside the data, which only this user may read."""
    data_dir = Path(loaded.settings.data_dir).absolute()
    parent = data_dir if os.access(data_dir, os.W_OK) else None
    directory = tempfile.mkdtemp(prefix=".plugin-check-", dir=parent)
    try:
        yield Path(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
