"""The routes of the audit trail. What they do is in `trail.py`."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar.params import FromQuery, QueryParameter

from portico.api import (
    AppContext,
    AuditEntry,
    JSONResponse,
    QueryTime,
    Request,
    SourceResponse,
    StreamResponse,
    get,
    json_response,
    parse_query_time,
    stream_response,
)
from portico_audit import service
from portico_audit.schemas import AuditPage
from portico_audit.service import AuditExport, AuditQuery

NDJSON = "application/x-ndjson"
ATTACHMENT = (b"content-disposition", b'attachment; filename="audit.ndjson"')

SubjectId = Annotated[str, QueryParameter(name="id", description="Of whatever was changed")]


def routes(app: AppContext) -> list[Any]:
    """Handlers that work in this house."""

    @get("/api/v1/audit", requires="audit:read", response_type=AuditPage)
    async def page(
        *,
        author: FromQuery[str] = "",
        what: FromQuery[str] = "",
        kind: FromQuery[str] = "",
        subject_id: SubjectId = "",
        since: FromQuery[QueryTime] = "",
        until: FromQuery[QueryTime] = "",
        before: FromQuery[int | None] = None,
    ) -> JSONResponse:
        """Who changed what, 100 entries at a time, newest first.

        `author`: an id, an e-mail address, or `system`. `since`, `until`: epoch seconds, the latter not included.
        """
        filters = AuditQuery(
            author=author,
            what=what,
            kind=kind,
            id=subject_id,
            since=parse_query_time("since", since),
            until=parse_query_time("until", until),
        )
        return json_response(await service.page(app, filters, before))

    @get("/api/v1/audit/export", requires="audit:read", response_type=AuditEntry)
    async def export(
        request: Request,
        *,
        author: FromQuery[str] = "",
        what: FromQuery[str] = "",
        kind: FromQuery[str] = "",
        subject_id: SubjectId = "",
        since: FromQuery[QueryTime] = "",
        until: FromQuery[QueryTime] = "",
    ) -> StreamResponse:
        """All of it as lines of JSON, one entry each, newest first.

        `x-total-count` says how many lines there are; fewer came if the export broke off.
        """
        filters = AuditQuery(
            author=author,
            what=what,
            kind=kind,
            id=subject_id,
            since=parse_query_time("since", since),
            until=parse_query_time("until", until),
        )
        found = await service.export(app, filters)
        reply = SourceResponse(body=_lines(found), content_type=NDJSON)
        return stream_response(
            request, reply, (ATTACHMENT, (b"x-total-count", b"%d" % found.count))
        )

    return [page, export]


async def _lines(found: AuditExport) -> AsyncIterator[bytes]:
    async for _, lines in found.blocks:
        yield lines
