"""The transfer kind of a plugin, whose failures concern the records that cause them, and no others."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from portico.errors import DomainError, OperatorError, Unavailable
from portico.plugins.isolation import PluginError, PluginIsolation
from portico.transfer import ExportScope, ImportRun, Outcome, TransferKind, rejected

T = TypeVar("T")


class IsolatedTransferKind(TransferKind):
    """Calls a kind of a plugin. What it raises ends an export, since nothing may be missing there; an import goes on.

    A batch that fails is imported again in halves, so that only the records that fail by themselves are rejected.
    """

    def __init__(self, plugin: str, kind: TransferKind, isolation: PluginIsolation) -> None:
        self.name, self.after = kind.name, kind.after
        self._plugin, self._kind, self._isolation = plugin, kind, isolation

    async def count(self, scope: ExportScope) -> int | None:
        """Return how many records there are; None = unknown."""
        found: int | None = await self._exporting(lambda: self._kind.count(scope))
        return found

    async def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]:
        """Yield the records. Raises: OperatorError if the plugin fails."""
        async for block in self._steps(lambda: self._kind.export(scope)):
            yield block

    async def export_files(
        self, scope: ExportScope
    ) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """Yield names and contents. Raises: OperatorError if the plugin fails."""
        async for name, contents in self._steps(lambda: self._kind.export_files(scope)):
            yield name, self._contents(contents)

    async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        """Import records. Raises: Unavailable; OperatorError for what the operator has to change."""
        try:
            outcomes: Sequence[Outcome] = await self._isolation.run_task(
                self._plugin, f"importing {self.name}", lambda: self._checked_batch(records, run)
            )
            return outcomes
        except Unavailable:
            raise
        except DomainError as error:
            reason = error.detail
        except PluginError as error:
            if isinstance(error.__cause__, OperatorError):
                raise error.__cause__ from None  # such as a weak secret key: no record can be imported
            at = f" at {error.at}" if error.at else ""
            reason = f"plugin {self._plugin!r} failed: {type(error.__cause__).__name__}{at}"
        if len(records) == 1:
            return [rejected("", reason)]
        half = len(records) // 2
        return [
            *await self.import_batch(records[:half], run),
            *await self.import_batch(records[half:], run),
        ]

    async def finish(self, run: ImportRun) -> None:
        """Do what remains after the last batch. A failure is noted."""
        try:
            await self._isolation.run_task(
                self._plugin, f"finishing the import of {self.name}", lambda: self._kind.finish(run)
            )
        except PluginError as error:
            at = f" at {error.at}" if error.at else ""
            run.notes.add(
                self.name, f"the import was not finished: {type(error.__cause__).__name__}{at}"
            )

    async def _checked_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        outcomes = await self._kind.import_batch(records, run)
        if len(outcomes) != len(records):
            raise ValueError(f"{len(outcomes)} outcomes of {len(records)} records")
        return outcomes

    async def _steps(self, begin: Callable[[], AsyncIterator[T]]) -> AsyncIterator[T]:
        iterator = await self._exporting(_awaitable(begin))
        ended = object()

        async def step() -> Any:
            return await anext(iterator, ended)

        while (found := await self._exporting(step)) is not ended:
            yield found

    def _contents(self, contents: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        return self._steps(lambda: contents)

    async def _exporting(self, call: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await self._isolation.run_task(self._plugin, f"exporting {self.name}", call)
        except PluginError as error:
            at = f" at {error.at}" if error.at else ""
            raise OperatorError(
                f"Plugin {self._plugin!r} cannot export its {self.name}: {type(error.__cause__).__name__}{at}. "
                "Disable the plugin to export the rest."
            ) from error


def _awaitable(begin: Callable[[], T]) -> Callable[[], Awaitable[T]]:
    async def call() -> T:
        return begin()

    return call
