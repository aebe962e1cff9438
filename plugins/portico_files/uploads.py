"""Takes uploads: checks them against the limits, stores the content, and then the row.

The row of a file is committed after its content is stored, in the transaction that forgets the row of the loose object. So
a crash at any time leaves a file, or a loose object that is deleted at the next start.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import msgspec

from portico.api import AppContext, InvalidRequest, RateLimited, TooLarge
from portico.api.auth import Actor
from portico.api.db import ForeignKeyViolation, new_id, now, transaction
from portico.api.forms import FormPart
from portico.api.json import field_error, sanitize_json
from portico_files import queries
from portico_files.incoming import IncomingFile
from portico_files.loose_objects import LooseObjects
from portico_files.names import extension_of, read_name, search_name
from portico_files.schemas import FileRow
from portico_files.settings import MIB, FilesSettings
from portico_files.stores import FileStore

#: Bytes of the client's own JSON about a file.
MAX_METADATA_BYTES: Final = 64 * 1024
#: Bytes of a form around its file.
MAX_FORM_BYTES: Final = 256 * 1024
#: Seconds after which a client may try again when it has too many uploads.
RETRY_AFTER_SECONDS: Final = 2
INVALID_METADATA: Final = "[ERROR: Invalid metadata format]"
TOO_MANY_UPLOADS: Final = "Too many uploads at once. Try again in a moment."


class Uploads:
    """The uploads of this process."""

    def __init__(
        self,
        app: AppContext,
        settings: FilesSettings,
        store: FileStore,
        loose: LooseObjects,
        threads: ThreadPoolExecutor,
    ) -> None:
        self._app, self._settings = app, settings
        self._runtime = app.runtime_settings.section(FilesSettings)
        self._store, self._loose, self._threads = store, loose, threads
        self._running: Counter[str] = Counter()
        self._arriving_bytes: Counter[str] = Counter()

    async def take(
        self,
        parts: AsyncIterator[FormPart | bytes],
        actor: Actor,
        *,
        form_size: int | None,
        is_processed: bool,
    ) -> FileRow:
        """Store the file of a form, and return its row. `form_size`: bytes of the form, if the client says it.

        Raises: ValidationError for a form without a file; InvalidRequest; TooLarge for a file that is too large, or too
        much for its account; RateLimited; Unavailable.
        """
        settings = await self._runtime.current()
        if form_size is not None and form_size > settings.max_size * MIB + MAX_FORM_BYTES:
            raise _too_large(settings)
        with self._counted(actor.id):
            await self._check_usage(actor.id, 0)
            upload = _Upload(new_id(), actor.id, settings)
            incoming = IncomingFile(self._store.create(upload.id), self._threads)
            is_stored = False
            try:
                await self._receive(parts, upload, incoming)
                row = await self._finish(upload, incoming, is_processed=is_processed)
                is_stored = True
                return row
            finally:
                self._arriving_bytes[actor.id] -= incoming.size
                try:
                    await incoming.discard()
                finally:
                    if upload.is_recorded:
                        self._loose.end_upload(upload.id, is_stored=is_stored)

    async def _receive(
        self, parts: AsyncIterator[FormPart | bytes], upload: "_Upload", incoming: IncomingFile
    ) -> None:
        field = ""
        async for part in parts:
            if isinstance(part, FormPart):
                field = upload.begin_field(part)
            elif field == "file":
                incoming.add(part)
                self._arriving_bytes[upload.user_id] += len(part)
                if incoming.size > upload.settings.max_size * MIB:
                    raise _too_large(upload.settings)
                if incoming.is_due:
                    await self._check_usage(upload.user_id, self._arriving_bytes[upload.user_id])
                    await self._record(upload)
                    await incoming.flush()
            elif field == "metadata":
                upload.add_metadata(part)

    async def _finish(
        self, upload: "_Upload", incoming: IncomingFile, *, is_processed: bool
    ) -> FileRow:
        if upload.name is None:
            raise field_error("file", "missing", "Field required")
        content_type = await incoming.inspect(upload.name)
        at = now()
        row = FileRow(
            id=upload.id,
            user_id=upload.user_id,
            filename=upload.name,
            content_type=content_type,
            is_text=incoming.is_text,
            size=incoming.size,
            hash=incoming.digest,
            is_processed=is_processed,
            created_at=at,
            updated_at=at,
            metadata=upload.metadata(),
        )
        await self._record(upload)
        await incoming.flush(is_read=True)
        await incoming.keep()
        await self._insert(row)
        return row

    async def _insert(self, row: FileRow) -> None:
        limits = {"max_files": self._settings.max_files, "max_bytes": self._settings.quota * MIB}
        try:
            async with transaction():
                if not await queries.insert(row, search_name(row.filename), **limits):
                    raise await self._over_limit(row.user_id)
        except ForeignKeyViolation as error:  # the account was deleted in the meantime
            raise InvalidRequest from error

    async def _record(self, upload: "_Upload") -> None:
        """Record the object before it is stored."""
        if not upload.is_recorded:
            upload.is_recorded = True
            await self._loose.begin_upload(upload.id)

    async def _check_usage(self, user_id: str, arriving: int) -> None:
        """Check early what `queries.insert` checks exactly. `arriving`: bytes of all uploads that are under way."""
        number, size = await queries.usage(user_id)
        if number >= self._settings.max_files or size + arriving > self._settings.quota * MIB:
            raise await self._over_limit(user_id)

    async def _over_limit(self, user_id: str) -> InvalidRequest | TooLarge:
        number, _ = await queries.usage(user_id)
        if number >= self._settings.max_files:
            return InvalidRequest(
                f"[ERROR: An account has at most {self._settings.max_files} files. Delete some first]"
            )
        return TooLarge(
            f"All files of an account together have at most {self._settings.quota} MiB. Delete some first."
        )

    @contextmanager
    def _counted(self, user_id: str) -> Iterator[None]:
        if self._running[user_id] >= self._settings.max_uploads:
            raise RateLimited(RETRY_AFTER_SECONDS, TOO_MANY_UPLOADS)
        self._running[user_id] += 1
        try:
            yield
        finally:
            self._running[user_id] -= 1
            if not self._running[user_id]:
                del self._running[user_id], self._arriving_bytes[user_id]


class _Upload:
    """What a form says about its file. `is_recorded`: whether there is a row of a loose object."""

    def __init__(self, file_id: str, user_id: str, settings: FilesSettings) -> None:
        self.id, self.user_id, self.settings = file_id, user_id, settings
        self.name: str | None = None
        self.is_recorded = False
        self._metadata = b""

    def begin_field(self, part: FormPart) -> str:
        """Return which field follows; empty = one that is not read. Raises: InvalidRequest."""
        if part.name == "metadata" and not part.filename:
            return part.name
        if part.name != "file" or not part.filename or self.name is not None:
            return ""
        self.name = read_name(part.filename)
        allowed = {one.strip(" .").lower() for one in self.settings.allowed_extensions} - {""}
        extension = extension_of(self.name)
        if allowed and extension not in allowed:
            raise InvalidRequest(f"[ERROR: File type {extension} is not allowed]")
        return part.name

    def add_metadata(self, block: bytes) -> None:
        """Take a part of the client's JSON. Raises: InvalidRequest if it is too long."""
        self._metadata += block
        if len(self._metadata) > MAX_METADATA_BYTES:
            raise InvalidRequest(INVALID_METADATA)

    def metadata(self) -> str:
        """Return the client's JSON, an object. Raises: InvalidRequest."""
        if self._metadata in (b"", b"null"):
            return "{}"
        try:
            cleaned = bytes(sanitize_json(self._metadata))
            found = msgspec.json.decode(cleaned, type=dict[str, msgspec.Raw])
            return msgspec.json.encode(found).decode()
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise InvalidRequest(INVALID_METADATA) from None


def _too_large(settings: FilesSettings) -> TooLarge:
    return TooLarge(f"A file has at most {settings.max_size} MiB.")
