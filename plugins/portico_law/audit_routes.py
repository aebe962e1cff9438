"""The routes of the audit trail. What they do is in `trail.py`."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar.params import FromQuery, QueryParameter

from portico.api import (
    Entry,
    House,
    JSONBytes,
    Moment,
    Reply,
    ReplyStream,
    Request,
    get,
    json_reply,
    query_moment,
    stream_reply,
)
from portico_law import trail
from portico_law.schemas import AuditPage
from portico_law.trail import Export, Filters

NDJSON = "application/x-ndjson"
ATTACHMENT = (b"content-disposition", b'attachment; filename="audit.ndjson"')

SubjectId = Annotated[str, QueryParameter(name="id", description="Of whatever was changed")]


def routes(house: House) -> list[Any]:
    """Handlers that work in this house."""

    @get("/api/v1/audit", may="audit:read", answers=AuditPage)
    async def page(
        *,
        author: FromQuery[str] = "",
        what: FromQuery[str] = "",
        kind: FromQuery[str] = "",
        subject_id: SubjectId = "",
        since: FromQuery[Moment] = "",
        until: FromQuery[Moment] = "",
        before: FromQuery[int | None] = None,
    ) -> JSONBytes:
        """Who changed what, 100 entries at a time, newest first.

        `author`: an id, an e-mail address, or `system`. `since`, `until`: epoch seconds, the latter not included.
        """
        filters = Filters(
            author=author,
            what=what,
            kind=kind,
            id=subject_id,
            since=query_moment("since", since),
            until=query_moment("until", until),
        )
        return json_reply(await trail.page(house, filters, before))

    @get("/api/v1/audit/export", may="audit:read", answers=Entry)
    async def export(
        request: Request,
        *,
        author: FromQuery[str] = "",
        what: FromQuery[str] = "",
        kind: FromQuery[str] = "",
        subject_id: SubjectId = "",
        since: FromQuery[Moment] = "",
        until: FromQuery[Moment] = "",
    ) -> ReplyStream:
        """All of it as lines of JSON, one entry each, newest first.

        `x-total-count` says how many lines there are; fewer came if the export broke off.
        """
        filters = Filters(
            author=author,
            what=what,
            kind=kind,
            id=subject_id,
            since=query_moment("since", since),
            until=query_moment("until", until),
        )
        found = await trail.export(house, filters)
        reply = Reply(body=_lines(found), content_type=NDJSON)
        return stream_reply(request, reply, (ATTACHMENT, (b"x-total-count", b"%d" % found.count)))

    return [page, export]


async def _lines(found: Export) -> AsyncIterator[bytes]:
    async for _, lines in found.blocks:
        yield lines
