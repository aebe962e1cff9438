"""The audit trail as people ask for it: a page of it, or all of it as lines."""

from collections.abc import AsyncIterator

import msgspec

from portico.api import AppContext, AuditFilter, AuditLog, NotFound, ValidationError
from portico_audit.schemas import AuditPage

#: The author of what no account did, in a question.
SYSTEM = "system"
#: Entries on one page.
PAGE = 100
#: A database counts no further than 64 bits.
FAR = 2**62


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries, as people put it. Empty = any. Units: `since` and `until` in epoch seconds, the latter not in.

    `author`: an account's id or e-mail address, or `system`: the command line, a policy file, the server.
    """

    author: str = ""
    what: str = ""
    kind: str = ""
    id: str = ""
    since: int | None = None
    until: int | None = None


class AuditExport(msgspec.Struct, frozen=True):
    """All entries there are now: how many, and an iterator of blocks of lines, one JSON document each."""

    count: int
    blocks: AsyncIterator[tuple[int, bytes]]


async def page(app: AppContext, filters: AuditQuery, before: int | None = None) -> AuditPage:
    """The newest 100 entries with a number below `before`. Raises: NotFound for an unknown e-mail address."""
    entries = await AuditLog().page(await _asked(app, filters), _near(before))
    return AuditPage(entries=entries, next=entries[-1].number if len(entries) == PAGE else None)


async def export(app: AppContext, filters: AuditQuery) -> AuditExport:
    """Everything, newest first, as it was when asked for. Raises: as `page`."""
    asked, trail = await _asked(app, filters), AuditLog()
    count, beyond = await trail.count_and_limit(asked)
    return AuditExport(count, _lines(trail, asked, beyond))


async def _lines(
    trail: AuditLog, asked: AuditFilter, beyond: int
) -> AsyncIterator[tuple[int, bytes]]:
    """Pairs of how many entries, and their lines."""
    encoder = msgspec.json.Encoder()
    async for block in trail.export(asked, beyond):
        yield len(block), encoder.encode_lines(block)


async def _asked(app: AppContext, filters: AuditQuery) -> AuditFilter:
    for name in ("author", "what", "kind", "id"):
        if "\x00" in getattr(filters, name):
            fault = {"type": "value_error", "loc": ["query", name], "msg": "No NUL characters"}
            raise ValidationError([fault])
    return AuditFilter(
        author=await _author(app, filters.author),
        what=filters.what,
        subject_kind=filters.kind,
        subject_id=filters.id,
        since=_near(filters.since),
        until=_near(filters.until),
    )


async def _author(app: AppContext, who: str) -> str | None:
    """An author as entries name it. An id is taken as it is: whoever it was may be gone."""
    if who == SYSTEM:
        return ""
    if "@" not in who:
        return who or None
    account = await app.identity.accounts.by_email(who)
    if account is None:
        raise NotFound(
            f"Nobody has the e-mail address {who}; ask for the id if the account is gone."
        )
    return account.id


def _near(number: int | None) -> int | None:
    return None if number is None else max(min(number, FAR), -FAR)
