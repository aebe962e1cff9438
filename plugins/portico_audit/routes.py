"""The routes of the audit log. What they do is in `service.py`."""

from collections.abc import AsyncIterator
from typing import Annotated

from litestar.params import FromQuery, QueryParameter

from portico.api.audit import SealedEntry
from portico.api.models import SourceResponse
from portico.api.web import (
    Controller,
    JSONResponse,
    QueryTime,
    Request,
    StreamResponse,
    get,
    json_response,
    parse_query_time,
    stream_response,
)
from portico_audit.schemas import AuditPage
from portico_audit.service import AuditExport, AuditQuery, AuditService

NDJSON = "application/x-ndjson"
ATTACHMENT = (b"content-disposition", b'attachment; filename="audit.ndjson"')

Author = Annotated[
    str, QueryParameter(description="An account's id or e-mail address, or `system`")
]
Event = Annotated[str, QueryParameter(description="What happened, such as `role.changed`")]


class AuditRoutes(Controller):
    """`/api/v1/audit`: the audit log."""

    plugin: AuditService

    @get("/api/v1/audit", requires="audit:read", response_type=AuditPage)
    async def list_entries(
        self,
        *,
        author: Author = "",
        event: Event = "",
        resource_kind: FromQuery[str] = "",
        resource_id: FromQuery[str] = "",
        since: FromQuery[QueryTime] = "",
        until: FromQuery[QueryTime] = "",
        before: FromQuery[int | None] = None,
    ) -> JSONResponse:
        """List who changed what, 100 entries at a time, newest first.

        `since`, `until`: epoch seconds, the latter not included.
        """
        filters = AuditQuery(
            actor=author,
            event=event,
            resource_kind=resource_kind,
            resource_id=resource_id,
            since=parse_query_time("since", since),
            until=parse_query_time("until", until),
        )
        return json_response(await self.plugin.page(filters, before))

    @get("/api/v1/audit/export", requires="audit:read", response_type=SealedEntry)
    async def export(
        self,
        request: Request,
        *,
        author: Author = "",
        event: Event = "",
        resource_kind: FromQuery[str] = "",
        resource_id: FromQuery[str] = "",
        since: FromQuery[QueryTime] = "",
        until: FromQuery[QueryTime] = "",
    ) -> StreamResponse:
        """Export all entries as lines of JSON, one entry each, newest first; without filters, the seals follow them.

        `x-total-count` is the number of lines; if fewer arrive, the export was interrupted.
        """
        filters = AuditQuery(
            actor=author,
            event=event,
            resource_kind=resource_kind,
            resource_id=resource_id,
            since=parse_query_time("since", since),
            until=parse_query_time("until", until),
        )
        found = await self.plugin.export(filters)
        reply = SourceResponse(body=_lines(found), content_type=NDJSON)
        return stream_response(
            request, reply, (ATTACHMENT, (b"x-total-count", b"%d" % found.count))
        )


async def _lines(found: AuditExport) -> AsyncIterator[bytes]:
    async for _, lines in found.blocks:
        yield lines
