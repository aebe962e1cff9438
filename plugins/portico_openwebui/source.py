"""An open Open WebUI database."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from portico.api import OperatorError
from portico.api.transfer import Outcome, RunNote, RunNotes, SourceFiles
from portico_openwebui.databases import SourceDatabase
from portico_openwebui.kinds import READERS, Reading, kind_readers
from portico_openwebui.left_out import TABLES_LEFT_OUT, tables_left_out
from portico_openwebui.revisions import RANGE, recognise
from portico_openwebui.secret_key import SecretKey
from portico_openwebui.upload_directory import UploadDirectory

#: Tables without which a database is none of Open WebUI.
_TABLES = frozenset({"user", "auth", "chat"})


class OpenWebUISource:
    """Reads the records of an instance of Open WebUI. Made by `recognised`."""

    def __init__(
        self,
        release: str,
        shown: str,
        reading: Reading,
        uploads: UploadDirectory,
        tables: Sequence[RunNote],
    ) -> None:
        self._release, self._shown = release, shown
        self._reading = reading
        self._readers = kind_readers(reading)
        self._uploads = uploads
        self._tables = tables

    @classmethod
    async def recognised(
        cls,
        database: SourceDatabase,
        shown: str,
        *,
        uploads: UploadDirectory,
        setting_names: frozenset[str],
        kinds: Collection[str],
        secret_key: SecretKey | None = None,
        keeps_links: bool = False,
    ) -> "OpenWebUISource":
        """Recognise the version. `shown`: the source for messages. `kinds`: those that a plugin here takes.

        Raises: OperatorError for a version that is not read.
        """
        if not set(database.columns) >= _TABLES:
            raise OperatorError(
                f"{shown} is no database of Open WebUI: it has no tables {', '.join(sorted(_TABLES))}. On PostgreSQL, name another "
                "schema with ?schema=."
            )
        if not database.has("alembic_version", "version_num"):
            raise OperatorError(
                f"{shown} is of a release of Open WebUI before 0.6.30. Portico reads {RANGE}: upgrade Open WebUI first, start it once, "
                "and import again."
            )
        release = recognise(await database.heads())
        reading = Reading(database, RunNotes(), setting_names, secret_key, keeps_links)
        read = {reader.table for reader in READERS if reader.name in kinds}
        return cls(release, shown, reading, uploads, await tables_left_out(database, read))

    @property
    def files(self) -> SourceFiles:
        """The contents of files."""
        return self._uploads

    def describe(self) -> str:
        """Return the version and the place."""
        return f"Open WebUI {self._release}, {self._shown}"

    async def counts(self) -> Mapping[str, int]:
        """Return how many records there are of each kind."""
        return {
            name: await reader.count()
            for name, reader in self._readers.items()
            if reader.table not in TABLES_LEFT_OUT
        }

    async def records(self, kind: str) -> AsyncIterator[Sequence[bytes | Outcome]]:
        """Yield the records of a kind; nothing for a kind that Open WebUI has not got."""
        reader = self._readers.get(kind)
        if reader is None:
            return
        async for block in reader.blocks():
            if block:
                yield block

    def left_out(self) -> Sequence[RunNote]:
        """Return what is not read at all, then what was left out of the records so far."""
        return [*self._tables, *self._reading.notes.all()]
