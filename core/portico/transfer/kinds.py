"""What a plugin exports and imports of its own rows."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from portico.transfer.import_run import ImportRun
from portico.transfer.outcome import Outcome


@dataclass(frozen=True, slots=True)
class ExportScope:
    """What is exported. `account_id`: only what this account owns; None = the whole instance.

    `with_secrets`: secrets of settings in clear, such as keys of connections. Never for one account.
    """

    account_id: str | None = None
    with_secrets: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the whole instance is exported."""
        return self.account_id is None


class TransferKind(ABC):
    """One kind of rows of a plugin, such as its chats.

    A record is a JSON object that keeps the ids of the source, with times in epoch seconds. `name`: a lower-case word or several
    with `_`; records are in `<name>.jsonl` of an archive. `after`: kinds that are imported before it; those that no plugin has
    are ignored.
    """

    name: str
    after: Sequence[str] = ()

    async def count(self, scope: ExportScope) -> int | None:
        """Return how many records `export` yields, for the progress bar; None = unknown."""
        return None

    @abstractmethod
    def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]:
        """Yield the records of a scope in blocks, each record as JSON. An async generator.

        Holds no connection between blocks: page by a key, not by an offset. The export of one account contains no hash, no
        key and nothing of others; a kind without an owner yields nothing then.
        """

    def export_files(self, scope: ExportScope) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """Yield the contents that records of a scope name: the name, which is an id, and the blocks of bytes.

        They are `files/<name>` in an archive. An import opens them with `run.files.open(name)`. Default: none.
        """
        return _no_files()

    @abstractmethod
    async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        """Import some records in one short transaction. Return one outcome for each, in their order.

        A record that cannot be read or stored is `rejected` alone. Importing the same records again changes nothing: what is
        there already, by its id, is `unchanged`. With `run.dry_run` nothing is written, also not what later kinds refer to.
        Publishes no event for each record. Raises: only what ends the import of this kind, such as a lost database.
        """

    async def finish(self, run: ImportRun) -> None:
        """Do what remains after the last batch of this kind, such as having instances forget what they cached."""
        return


async def _no_files() -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
    nothing: list[tuple[str, AsyncIterator[bytes]]] = []
    for one in nothing:
        yield one
