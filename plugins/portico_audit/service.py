"""Reads the audit log by filters: one page, or all entries as lines of JSON."""

from collections.abc import AsyncIterator, Callable, Iterable

import msgspec

from portico.api import AppContext, NotFound
from portico.api.audit import (
    AuditFilter,
    AuditLog,
    ChainReport,
    ExportedChain,
    count_sealed,
    exported_chain,
    has_seal,
    verify_chain,
    verify_export,
)
from portico.api.db import MAX_INT64
from portico.api.json import field_error
from portico_audit.schemas import AuditPage

#: The value of a filter for changes that no account made.
SYSTEM = "system"
#: Entries on one page.
PAGE_SIZE = 100


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries to read. Empty = any. Units: `since` and `until` in epoch seconds, the latter not included.

    `actor`: an account's id or e-mail address, or `system`: the command line, a policy file, the server.
    """

    actor: str = ""
    event: str = ""
    resource_kind: str = ""
    resource_id: str = ""
    since: int | None = None
    until: int | None = None


class AuditExport(msgspec.Struct, frozen=True):
    """All entries there are now: how many lines, how many of these are entries, and an iterator of blocks of lines.

    Each line is one JSON document. Without filters, the seals of the hash chain follow the entries.
    """

    count: int
    entries: int
    blocks: AsyncIterator[tuple[int, bytes]]


#: Names of the filters in a query string.
_QUERY_NAMES = {
    "actor": "author",
    "event": "event",
    "resource_kind": "resource_kind",
    "resource_id": "resource_id",
}


class AuditService:
    """Reads the audit log by filters that name accounts as people do."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def page(self, query: AuditQuery, before: int | None = None) -> AuditPage:
        """Return the newest 100 entries with a number below `before`. Raises: NotFound for an unknown e-mail address."""
        entries = await AuditLog().page(await self._filter(query), _bounded(before))
        next_before = entries[-1].number if len(entries) == PAGE_SIZE else None
        return AuditPage(entries=entries, next=next_before)

    async def export(self, query: AuditQuery) -> AuditExport:
        """Return all entries, newest first, as they are now. Raises: as `page`."""
        filters, log = await self._filter(query), AuditLog()
        # The chain first: all entries of the segments that it names are among those that follow.
        chain = await exported_chain() if filters == AuditFilter() else None
        count, limit = await log.count_and_limit(filters)
        return AuditExport(
            count + (chain.count if chain else 0), count, _lines(log, filters, limit, chain)
        )

    async def count_sealed(self, first: int) -> int:
        """Return how many entries a verification from this segment on reads."""
        return await count_sealed(first)

    async def verify(self, first: int, on_entries: Callable[[int], object]) -> ChainReport:
        """Verify the hash chain of the database, from this segment on."""
        return await verify_chain(self._app.encryptor, first=first, on_entries=on_entries)

    async def has_seal(self, text: str) -> bool:
        """Return whether the chain has this seal, written as `<segment>:<digest>`."""
        return await has_seal(text)

    def verify_file(self, lines: Iterable[bytes], on_bytes: Callable[[int], object]) -> ChainReport:
        """Verify an exported file. Raises: BadExport."""
        return verify_export(self._app.encryptor, lines, on_bytes)

    async def _filter(self, query: AuditQuery) -> AuditFilter:
        for field, name in _QUERY_NAMES.items():
            if "\x00" in getattr(query, field):
                raise field_error(name, "value_error", "No NUL characters", source="query")
        return AuditFilter(
            author=await self._author(query.actor),
            event=query.event,
            resource_kind=query.resource_kind,
            resource_id=query.resource_id,
            since=_bounded(query.since),
            until=_bounded(query.until),
        )

    async def _author(self, actor: str) -> str | None:
        """Return the author as entries store it. An id is not checked: the account may have been deleted."""
        if actor == SYSTEM:
            return ""
        if "@" not in actor:
            return actor or None
        account = await self._app.identity.accounts.by_email(actor)
        if account is None:
            raise NotFound(
                f"No account has the e-mail address {actor}. If it was deleted, use its id instead."
            )
        return account.id


async def _lines(
    log: AuditLog, filters: AuditFilter, limit: int, chain: ExportedChain | None
) -> AsyncIterator[tuple[int, bytes]]:
    """Yield pairs of a number of lines and these."""
    encoder = msgspec.json.Encoder()
    async for block in log.export(filters, limit):
        yield len(block), encoder.encode_lines(block)
    if chain is not None:
        async for count, lines in chain.blocks:
            yield count, lines


def _bounded(number: int | None) -> int | None:
    return None if number is None else max(min(number, MAX_INT64), -MAX_INT64)
