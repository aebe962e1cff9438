"""The routes of usage and of prices. What they read is in `reports.py`."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import msgspec
from litestar.params import JSONBody, QueryParameter

from portico.api.json import field_error, json_array_stream
from portico.api.models import JSON_MEDIA_TYPE, SourceResponse
from portico.api.web import (
    Controller,
    JSONResponse,
    QueryTime,
    Request,
    StreamResponse,
    get,
    json_response,
    parse_query_time,
    post,
    stream_response,
)
from portico_usage.components import UsagePlugin
from portico_usage.export import csv_stream, used_fields
from portico_usage.queries import UsageQuery
from portico_usage.reports import parse_dimensions
from portico_usage.schemas import (
    PriceChange,
    PriceList,
    UsageCallPage,
    UsageCallView,
    UsageGroup,
    UsageReport,
)

_MEDIA_TYPES = {"json": JSON_MEDIA_TYPE, "csv": "text/csv; charset=utf-8"}

Since = Annotated[QueryTime, QueryParameter(name="from", description="Epoch seconds")]
Until = Annotated[QueryTime, QueryParameter(name="to", description="Epoch seconds, not included")]
User = Annotated[str, QueryParameter(description="An account's id or e-mail address")]
Group = Annotated[str, QueryParameter(description="Id of a group")]
Model = Annotated[str, QueryParameter(description="Id of a model, as clients name it")]
BaseModel = Annotated[str, QueryParameter(description="Id of a model, as its source names it")]
Source = Annotated[str, QueryParameter(description="Name of a source")]
Key = Annotated[str, QueryParameter(description="Id of an API key")]
By = Annotated[
    str,
    QueryParameter(
        description="One or more of day, month, user, group, model, base_model, source, key; separated by commas"
    ),
]
Page = Annotated[int, QueryParameter(description="Number of the page, from 1 on")]
Before = Annotated[str, QueryParameter(description="Id of the last call of the previous page")]
Format = Annotated[str, QueryParameter(description="`json` or `csv`")]


class UsageRoutes(Controller):
    """`/api/v1/usage`: the usage of all accounts."""

    plugin: UsagePlugin

    @get("/api/v1/usage", requires="usage:read", response_type=UsageReport)
    async def report(
        self,
        *,
        since: Since = "",
        until: Until = "",
        user: User = "",
        group: Group = "",
        model: Model = "",
        base_model: BaseModel = "",
        source: Source = "",
        key: Key = "",
        group_by: By = "day",
        page: Page = 1,
    ) -> JSONResponse:
        """Return sums of calls by day, user, model and the like, 100 at a time.

        They are of whole days in UTC. A call of a user with several groups is part of the sums of each, and counts once in
        `total`.
        """
        query = await self.plugin.reports.query(
            user=user,
            since=parse_query_time("from", since),
            until=parse_query_time("to", until),
            group_id=group,
            model=model,
            base_model=base_model,
            source=source,
            key_id=key,
        )
        dimensions = parse_dimensions(group_by, "day")
        return json_response(await self.plugin.reports.report(query, dimensions, page))

    @get("/api/v1/usage/calls", requires="usage:read", response_type=UsageCallPage)
    async def calls(
        self,
        *,
        since: Since = "",
        until: Until = "",
        user: User = "",
        group: Group = "",
        model: Model = "",
        base_model: BaseModel = "",
        source: Source = "",
        key: Key = "",
        before: Before = "",
    ) -> JSONResponse:
        """List single calls, newest first, 100 at a time."""
        query = await self.plugin.reports.query(
            user=user,
            since=parse_query_time("from", since),
            until=parse_query_time("to", until),
            group_id=group,
            model=model,
            base_model=base_model,
            source=source,
            key_id=key,
        )
        return json_response(await self.plugin.reports.calls(query, before))

    @get(
        "/api/v1/usage/export",
        requires="usage:read",
        response_type=list[UsageCallView] | list[UsageGroup],
    )
    async def export(
        self,
        request: Request,
        *,
        since: Since = "",
        until: Until = "",
        user: User = "",
        group: Group = "",
        model: Model = "",
        base_model: BaseModel = "",
        source: Source = "",
        key: Key = "",
        group_by: By = "",
        format: Format = "json",  # noqa: A002 - its name in the query
    ) -> StreamResponse:
        """Export all calls, or with `group_by` all sums, as a JSON array or as CSV."""
        query = await self.plugin.reports.query(
            user=user,
            since=parse_query_time("from", since),
            until=parse_query_time("to", until),
            group_id=group,
            model=model,
            base_model=base_model,
            source=source,
            key_id=key,
        )
        dimensions = parse_dimensions(group_by, "") if group_by else ()
        return await _exported(self.plugin, request, query, dimensions, _format(format))


class OwnUsageRoutes(Controller):
    """`/api/v1/usage/me`: the caller's own usage."""

    plugin: UsagePlugin

    @get("/api/v1/usage/me", requires="usage:read_own", response_type=UsageReport)
    async def report(
        self,
        request: Request,
        *,
        since: Since = "",
        until: Until = "",
        model: Model = "",
        key: Key = "",
        group_by: By = "day",
        page: Page = 1,
    ) -> JSONResponse:
        """Return sums of one's own calls, 100 at a time. They are of whole days in UTC."""
        query = await self._query(request, since, until, model, key)
        dimensions = parse_dimensions(group_by, "day", is_own=True)
        return json_response(await self.plugin.reports.report(query, dimensions, page))

    @get("/api/v1/usage/me/calls", requires="usage:read_own", response_type=UsageCallPage)
    async def calls(
        self,
        request: Request,
        *,
        since: Since = "",
        until: Until = "",
        model: Model = "",
        key: Key = "",
        before: Before = "",
    ) -> JSONResponse:
        """List one's own calls, newest first, 100 at a time."""
        query = await self._query(request, since, until, model, key)
        return json_response(await self.plugin.reports.calls(query, before))

    @get(
        "/api/v1/usage/me/export",
        requires="usage:read_own",
        response_type=list[UsageCallView] | list[UsageGroup],
    )
    async def export(
        self,
        request: Request,
        *,
        since: Since = "",
        until: Until = "",
        model: Model = "",
        key: Key = "",
        group_by: By = "",
        format: Format = "json",  # noqa: A002 - its name in the query
    ) -> StreamResponse:
        """Export one's own calls, or with `group_by` their sums, as a JSON array or as CSV."""
        query = await self._query(request, since, until, model, key)
        dimensions = parse_dimensions(group_by, "", is_own=True) if group_by else ()
        return await _exported(self.plugin, request, query, dimensions, _format(format))

    async def _query(
        self, request: Request, since: str, until: str, model: str, key: str
    ) -> UsageQuery:
        query = await self.plugin.reports.query(
            since=parse_query_time("from", since),
            until=parse_query_time("to", until),
            model=model,
            key_id=key,
        )
        return msgspec.structs.replace(query, user_id=request.user.id)


class PriceRoutes(Controller):
    """`/api/v1/usage/prices`: what models cost."""

    plugin: UsagePlugin

    @get("/api/v1/usage/prices", requires="usage:set_prices", response_type=PriceList)
    async def prices(self) -> JSONResponse:
        """Return the prices of models."""
        return json_response(await self.plugin.prices.all())

    @post("/api/v1/usage/prices", requires="usage:set_prices", response_type=PriceList)
    async def set_prices(self, request: Request, data: JSONBody[PriceChange]) -> JSONResponse:
        """Replace the prices of models, for calls that end from now on. 400 for what the operator has set."""
        return json_response(await self.plugin.prices.change(data, request.user.id))


async def _exported(
    plugin: UsagePlugin,
    request: Request,
    query: UsageQuery,
    dimensions: Sequence[str],
    kind: str,
) -> StreamResponse:
    blocks: AsyncIterator[Sequence[Any]]
    if dimensions:
        groups = await plugin.reports.groups(query, dimensions)
        fields = used_fields(groups[0]) if groups else list(dimensions)
        blocks = _blocks(groups)
    else:
        fields = list(UsageCallView.__struct_fields__)
        blocks = plugin.reports.call_blocks(query)
    body = csv_stream(blocks, fields) if kind == "csv" else json_array_stream(blocks)
    reply = SourceResponse(body=body, content_type=_MEDIA_TYPES[kind])
    name = f'attachment; filename="usage.{kind}"'.encode()
    return stream_response(request, reply, ((b"content-disposition", name),))


async def _blocks(items: Sequence[Any]) -> AsyncIterator[Sequence[Any]]:
    for begin in range(0, len(items), 1000):
        yield items[begin : begin + 1000]


def _format(text: str) -> str:
    if text not in _MEDIA_TYPES:
        raise field_error("format", "value_error", "One of: json, csv", source="query")
    return text
