"""The formats that `portico import` reads."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Protocol

import click

from portico.transfer.import_run import RunNote
from portico.transfer.outcome import Outcome


class SourceFiles(Protocol):
    """Contents of files that records name."""

    async def open(self, name: str) -> AsyncIterator[bytes] | None:
        """Return the contents in blocks; None if the source has none of this name, which may be anything."""
        ...


class ImportSource(Protocol):
    """An open source: a database or an archive of another instance. It is only read.

    `files`: the contents that its records name.
    """

    @property
    def files(self) -> SourceFiles: ...

    def describe(self) -> str:
        """Return what was recognised, in one line, without secrets."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """Return how many records there are of each kind, for the progress bar. Kinds without records may be missing."""
        ...

    def records(self, kind: str) -> AsyncIterator[Sequence[bytes | Outcome]]:
        """Yield the records of a kind in blocks, as `TransferKind` describes them. An async generator.

        What cannot be read is an `Outcome` in the place of its record. Each call begins at the first record.
        """
        ...

    def left_out(self) -> Sequence[RunNote]:
        """Return what is in the source and was not taken, and why. Asked after the last record was read."""
        ...


class ImportFormat(ABC):
    """A format that `portico import <name> SOURCE` reads.

    `summary`: one sentence for `--help`; `help`: more paragraphs. `options`: its own options. Not among them: those that all
    formats have (`--dry-run`, `--report`, `--link-accounts`, `--keep-admins`).
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    help: ClassVar[str] = ""
    source_metavar: ClassVar[str] = "SOURCE"

    @property
    def options(self) -> Sequence[click.Option]:
        """The options of this format. `open` receives their values by name."""
        return ()

    @abstractmethod
    def open(
        self, source: str, options: Mapping[str, Any]
    ) -> AbstractAsyncContextManager[ImportSource]:
        """Open a source. Raises, when it is entered: OperatorError with one sentence for a source that cannot be imported."""
