"""Listing, reading and deleting files, with access checks. Nothing here knows HTTP."""

from collections.abc import AsyncIterator, Collection, Iterable
from typing import Final

from portico.api import AppContext, Forbidden, InvalidRequest, NotFound
from portico.api.audit import record_change
from portico.api.auth import AccountDeleting, Actor
from portico.api.db import after_commit, chunks, literal_pattern, page_offset, transaction
from portico.api.policy import EVERY_ROW, PRIVATE, SQLCondition
from portico_files import queries
from portico_files.loose_objects import LooseObjects
from portico_files.names import search_name
from portico_files.schemas import FileRow
from portico_files.stores import FileStore

KIND: Final = "file"
#: Files on one page; without a page, the newest so many.
PAGE_SIZE: Final = 60
MAX_LISTED: Final = 1000
MAX_PATTERN_CHARS: Final = 256
#: Wildcards in one pattern: each makes a comparison longer.
MAX_WILDCARDS: Final = 8
#: Bytes of the text of a file that is shown with it; a longer one is cut.
MAX_SHOWN_BYTES: Final = 1024 * 1024
#: Wildcards of LIKE.
ANY_TEXT: Final = "%"
ANY_CHARACTER: Final = "_"
_BYTE_ORDER_MARK: Final = "\ufeff"


class Files:
    """Files of all accounts. Unknown and unreadable files raise the same NotFound."""

    def __init__(self, app: AppContext, store: FileStore, loose: LooseObjects) -> None:
        self._app, self._store, self._loose = app, store, loose

    async def listed(self, actor: Actor, page: int | None, pattern: str = "*") -> list[FileRow]:
        """Return the files that the actor may read, the newest first. `pattern`: of their names, with `*` and `?`.

        `page`: from 1; None = the newest thousand. Raises: InvalidRequest for a pattern that is too long.
        """
        limit = MAX_LISTED if page is None else PAGE_SIZE
        offset = 0 if page is None else page_offset(page, PAGE_SIZE)
        where = await self._where(actor, "read", first=4)
        return await queries.listed(where, _like(pattern), limit, offset)

    async def find(self, actor: Actor, file_id: str) -> FileRow:
        """Return a file that the actor may read. Raises: NotFound."""
        found = await queries.find(_check_id(file_id), await self._where(actor, "read", first=2))
        if found is None:
            raise NotFound
        return found

    async def find_many(self, actor: Actor, ids: Iterable[str]) -> dict[str, FileRow]:
        """Return those of the files that the actor may read, by id."""
        where = await self._where(actor, "read", first=1)
        found: dict[str, FileRow] = {}
        for some in chunks([one for one in dict.fromkeys(ids) if _is_id(one)]):
            found |= await queries.find_many(some, where)
        return found

    def content(self, row: FileRow, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Return the bytes of a file from `start` to before `end`, in blocks. Raises, when it is read: NotFound, Unavailable."""
        return self._store.read(row.id, start, row.size if end is None else end)

    async def text(self, row: FileRow, max_bytes: int = MAX_SHOWN_BYTES) -> str:
        """Return the text that models get of a file, cut after `max_bytes`; empty if it is no text."""
        texts = await queries.texts_of([row.id])
        text, _ = await self.cut_text(row, texts.get(row.id), max_bytes)
        return text

    async def set_texts(self, rows: Collection[FileRow]) -> dict[str, str]:
        """Return the texts that clients have set in place of the contents of these files, by id."""
        return await queries.texts_of([row.id for row in rows]) if rows else {}

    async def cut_text(self, row: FileRow, set_text: str | None, max_bytes: int) -> tuple[str, int]:
        """Return the text that models get of a file, cut after `max_bytes`, and its bytes before it was cut.

        `set_text`: what a client has set in its place.
        """
        if set_text is not None:
            return _cut(set_text.encode(), max_bytes)
        if not row.is_text:
            return "", 0
        blocks = [block async for block in self.content(row, 0, min(row.size, max_bytes))]
        return _cut(b"".join(blocks), max_bytes, row.size)

    async def set_text(self, actor: Actor, file_id: str, content: str) -> str:
        """Set the text that models get in place of the content of a file. Return it. Raises: NotFound, Forbidden."""
        where = await self._where(actor, "write", first=3)
        async with transaction():
            is_set = await queries.set_text(_check_id(file_id), content, where)
        if not is_set:
            raise await self._app.permissions.refusal(actor, "write", KIND, file_id)
        return content

    async def delete(self, actor: Actor, file_id: str) -> None:
        """Delete a file. Raises: NotFound, Forbidden."""
        where = await self._where(actor, "delete", first=2)
        async with transaction():
            owner_id = await queries.delete(_check_id(file_id), where)
            if owner_id is not None:
                await self._app.permissions.grants.delete(KIND, file_id)
            if owner_id not in (None, actor.id):
                await record_change("file.deleted", KIND, file_id, {"owner": owner_id})
            after_commit(self._loose.wake)
        if owner_id is None:
            raise await self._app.permissions.refusal(actor, "delete", KIND, file_id)

    async def delete_unused(self, file_id: str) -> None:
        """Delete a file that no chat has any more, unless it is shared."""
        async with transaction():
            sharing = await self._app.permissions.grants.sharing_of(KIND, file_id)
            if sharing == PRIVATE and await queries.delete(file_id, EVERY_ROW):
                after_commit(self._loose.wake)

    async def delete_all(self, actor: Actor) -> None:
        """Delete all files of all accounts. Raises: Forbidden."""
        if not await self._app.permissions.allows_on_collection(actor, KIND, "delete_all"):
            raise Forbidden
        async with transaction():
            await record_change("file.all_deleted", KIND, "")
        for owner_id in await queries.owners():
            async with transaction():
                await self._delete_all(owner_id)
        self._loose.wake()

    async def on_account_deleting(self, event: AccountDeleting) -> None:
        """Delete the files of an account that is being deleted."""
        await self._delete_all(event.id)
        after_commit(self._loose.wake)

    async def _delete_all(self, owner_id: str) -> None:
        ids = await queries.lock_all(owner_id)
        if ids:
            await self._app.permissions.grants.delete_many(KIND, ids)
            await queries.delete_all(owner_id)

    async def _where(self, actor: Actor, action: str, *, first: int) -> SQLCondition:
        return await self._app.permissions.where_allowed(actor, action, KIND, first)


def _cut(data: bytes, max_bytes: int, size: int | None = None) -> tuple[str, int]:
    """Return UTF-8 as text, cut after `max_bytes`, between two characters, and its bytes before it was cut.

    `size`: bytes of all of it, if `data` is only the beginning. A byte order mark is left out, and not counted.
    """
    text = data[:max_bytes].decode("utf-8", errors="ignore")
    mark = len(_BYTE_ORDER_MARK.encode()) if text.startswith(_BYTE_ORDER_MARK) else 0
    return text.removeprefix(_BYTE_ORDER_MARK), (len(data) if size is None else size) - mark


def _check_id(file_id: str) -> str:
    if not _is_id(file_id):
        raise NotFound
    return file_id


def _is_id(file_id: str) -> bool:
    return len(file_id) <= 64 and file_id.isascii() and file_id.isprintable()


def _like(pattern: str) -> str:
    """Return the pattern of LIKE. Raises: InvalidRequest."""
    if len(pattern) > MAX_PATTERN_CHARS or pattern.count("*") > MAX_WILDCARDS:
        raise InvalidRequest(
            f"[ERROR: A pattern has at most {MAX_PATTERN_CHARS} characters and {MAX_WILDCARDS} times *]"
        )
    literal = literal_pattern(search_name(pattern))
    return literal.replace("*", ANY_TEXT).replace("?", ANY_CHARACTER)
