"""Taking models along and bringing them in, over HTTP. What happens is in `exporting.py` and `transfer.py`."""

from collections.abc import Sequence
from io import BytesIO
from typing import Annotated, Any, Final

import msgspec
from litestar.params import FromQuery, JSONBody, QueryParameter

from portico.api import (
    NO_STORE,
    Actor,
    AppContext,
    JSONResponse,
    QueryFlag,
    Request,
    SourceResponse,
    StreamResponse,
    TooLarge,
    get,
    json_array_stream,
    json_response,
    parse_query_flag,
    post,
    stream_response,
)
from portico_models.records import KIND
from portico_models.schemas import Model
from portico_models.templates.service import Templates
from portico_models.transfer.exporter import ModelExport
from portico_models.transfer.format import (
    ExportDocument,
    ImportBody,
    ImportDocument,
    read_import,
    with_templates,
)
from portico_models.transfer.importer import ModelImport
from portico_models.transfer.writer import ImportReport

#: Bytes of what may be brought in at once.
LARGEST_IMPORT: Final = 64 * 1024 * 1024

#: Commas in it: each may part two objects, and of every object there is at least the note where it begins.
MOST_COMMAS: Final = 2_000_000

Ids = Annotated[tuple[str, ...], QueryParameter(name="id", description="Only this one; repeated")]


class ImportQuery(msgspec.Struct):
    """Which presets to take along. `ids`: null = all."""

    ids: list[str] | None = None


async def check_element_count(request: Request) -> None:
    """Before a body is taken apart. Raises: TooLarge for one of millions of parts, which would fill the memory."""
    if (await request.body()).count(b",") > MOST_COMMAS:
        raise TooLarge


#: How both routes take a body.
_large: Final[dict[str, Any]] = {
    "max_body": LARGEST_IMPORT,
    "before_request": check_element_count,
    "reads_import": True,
}


def routes(app: AppContext) -> list[Any]:
    """Handlers that work in this house."""
    export = ModelExport(app)

    async def presets(
        request: Request, ids: Sequence[str] | None, templates: str
    ) -> SourceResponse:
        body = json_array_stream(export.presets(request.user, ids))
        if parse_query_flag("templates", templates):
            found = await app.services.require(Templates).export(request.user)
            body = with_templates(body, found)
        return SourceResponse(body=body)

    @get(
        "/api/v1/models/export", requires="model:export", response_type=list[Model] | ExportDocument
    )
    async def take(
        request: Request, ids: Ids = (), templates: FromQuery[QueryFlag] = ""
    ) -> StreamResponse:
        """The presets the caller may write, oldest first. `templates`: in an object, with those the caller reads."""
        return stream_response(request, await presets(request, ids or None, templates))

    @post(
        "/api/v1/models/export",
        requires="model:export",
        read_only=True,
        response_type=list[Model] | ExportDocument,
    )
    async def take_some(
        request: Request,
        data: JSONBody[ImportQuery | None] = None,
        templates: FromQuery[QueryFlag] = "",
    ) -> StreamResponse:
        """The same; those of a list in its order."""
        return stream_response(
            request, await presets(request, data.ids if data else None, templates)
        )

    @post(
        "/api/v1/models/import",
        requires="model:import",
        response_type=bool | ImportReport,
        **_large,
    )
    async def bring(
        request: Request,
        data: JSONBody[ImportBody],
        *,
        dry_run: FromQuery[QueryFlag] = "",
        strict: FromQuery[QueryFlag] = "",
        drop_unknown: FromQuery[QueryFlag] = "",
        report: FromQuery[QueryFlag] = "",
    ) -> JSONResponse:
        """Bring in many: all, or none. The answer is true, or a report if something was not taken over as it was sent.

        `dry_run`: only say what would happen. `strict`: users and groups that are not here, and rights that cannot be
        taken over, are refused; else access is narrowed, and the report says so. `drop_unknown`: users and groups
        that do not exist here are left out without a note. `report`: the answer is the report in any case.
        """
        sent = await _sent(request)
        transfer = await _transfer(app, request.user, sent, strict, drop_unknown)
        if parse_query_flag("dry_run", dry_run):
            would = await transfer.rehearse(sent.models, sent.templates)
            return json_response(would, headers=[NO_STORE])
        done = await transfer.run(sent.models, sent.templates)
        wants_report = parse_query_flag("report", report)
        reported = wants_report or not done.is_complete
        return json_response(done if reported else True, headers=[NO_STORE])

    @post(
        "/api/v1/models/sync",
        requires="model:sync",
        response_type=list[Model] | ImportReport,
        **_large,
    )
    async def sync(
        request: Request,
        data: JSONBody[ImportBody],
        *,
        dry_run: FromQuery[QueryFlag] = "",
        strict: FromQuery[QueryFlag] = "",
        drop_unknown: FromQuery[QueryFlag] = "",
        report: FromQuery[QueryFlag] = "",
    ) -> StreamResponse:
        """Make the workspace as a list says; the answer is what it is then. The queries: as for an import."""
        sent = await _sent(request)
        transfer = await _transfer(app, request.user, sent, strict, drop_unknown, replace_all=True)
        if parse_query_flag("dry_run", dry_run):
            would = msgspec.json.encode(await transfer.rehearse(sent.models, sent.templates))
            return stream_response(request, SourceResponse(body=would), [NO_STORE])
        wants_report = parse_query_flag("report", report)
        done = await transfer.run(sent.models, sent.templates)
        if wants_report:
            return stream_response(
                request, SourceResponse(body=msgspec.json.encode(done)), [NO_STORE]
            )
        return stream_response(request, SourceResponse(body=json_array_stream(export.everything())))

    return [take, take_some, bring, sync]


async def _sent(request: Request) -> ImportDocument:
    return await read_import(BytesIO(await request.body()))


async def _transfer(
    app: AppContext,
    actor: Actor,
    sent: ImportDocument,
    strict: str,
    drop_unknown: str,
    *,
    replace_all: bool = False,
) -> ModelImport:
    return ModelImport(
        app,
        actor,
        under=sent.body_path,
        is_strict=parse_query_flag("strict", strict),
        tells_missing=not parse_query_flag("drop_unknown", drop_unknown),
        keeps_owners=await app.permissions.allows_on_collection(actor, KIND, "override"),
        replace_all=replace_all,
    )
