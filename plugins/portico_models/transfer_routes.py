"""HTTP routes of import, export and sync."""

from collections.abc import Sequence
from io import BytesIO
from typing import Annotated, Any, Final

import msgspec
from litestar.params import FromQuery, JSONBody, QueryParameter

from portico.api import TooLarge
from portico.api.auth import Actor
from portico.api.json import json_array_stream
from portico.api.models import SourceResponse
from portico.api.web import (
    NO_STORE,
    Controller,
    JSONResponse,
    QueryFlag,
    Request,
    StreamResponse,
    get,
    json_response,
    parse_query_flag,
    post,
    stream_response,
)
from portico_models.components import ModelsPlugin
from portico_models.fields.schemas import Model
from portico_models.records.resource_kind import KIND
from portico_models.transfer.format import (
    ExportDocument,
    ImportBody,
    ImportDocument,
    read_import,
    with_templates,
)
from portico_models.transfer.importer import ModelImport
from portico_models.transfer.options import ImportOptions
from portico_models.transfer.report import ModelImportReport

#: Bytes of one import.
MAX_IMPORT_BYTES: Final = 64 * 1024 * 1024
#: Commas in one import. Each may separate two objects, and each object takes memory.
MAX_COMMAS: Final = 2_000_000

Ids = Annotated[tuple[str, ...], QueryParameter(name="id", description="Only this one; repeated")]


class ExportRequest(msgspec.Struct):
    """The presets to export. `ids`: null = all."""

    ids: list[str] | None = None


async def check_element_count(request: Request) -> None:
    """Raises: TooLarge for a body with millions of elements, before decoding it fills the memory."""
    if (await request.body()).count(b",") > MAX_COMMAS:
        raise TooLarge


#: Options of both routes that read a body.
_IMPORT_OPTIONS: Final[dict[str, Any]] = {
    "max_body": MAX_IMPORT_BYTES,
    "before_request": check_element_count,
    "reads_import": True,
}


class TransferRoutes(Controller):
    """`/api/v1/models/export`, `/import` and `/sync`."""

    plugin: ModelsPlugin

    @get(
        "/api/v1/models/export", requires="model:export", response_type=list[Model] | ExportDocument
    )
    async def export_models(
        self, request: Request, ids: Ids = (), templates: FromQuery[QueryFlag] = ""
    ) -> StreamResponse:
        """Export the presets the caller may write, oldest first. `templates`: in an object, with the templates the caller may read."""
        return await self._export(request, ids or None, templates)

    @post(
        "/api/v1/models/export",
        requires="model:export",
        read_only=True,
        response_type=list[Model] | ExportDocument,
    )
    async def export_selected_models(
        self,
        request: Request,
        data: JSONBody[ExportRequest | None] = None,
        templates: FromQuery[QueryFlag] = "",
    ) -> StreamResponse:
        """Export the presets with the given ids, in this order; without ids, as with GET."""
        return await self._export(request, data.ids if data else None, templates)

    @post(
        "/api/v1/models/import",
        requires="model:import",
        response_type=bool | ModelImportReport,
        **_IMPORT_OPTIONS,
    )
    async def import_models(
        self,
        request: Request,
        data: JSONBody[ImportBody],
        *,
        dry_run: FromQuery[QueryFlag] = "",
        strict: FromQuery[QueryFlag] = "",
        skip_unknown_principals: FromQuery[QueryFlag] = "",
        report: FromQuery[QueryFlag] = "",
    ) -> JSONResponse:
        """Import models, all or none. The response is true, or a report if a value was not imported unchanged.

        `dry_run`: return the report without writing. `strict`: reject sharing with users and groups that do not exist
        here, or that cannot be imported; otherwise access is reduced, with a note. `skip_unknown_principals`: no notes
        about users and groups that do not exist here. `report`: always return a report.
        """
        document = await _read_body(request)
        model_import = await _model_import(
            self.plugin, request.user, document, strict, skip_unknown_principals
        )
        if parse_query_flag("dry_run", dry_run):
            planned = await model_import.dry_run(document.models, document.templates)
            return json_response(planned, headers=[NO_STORE])
        result = await model_import.run(document.models, document.templates)
        wants_report = parse_query_flag("report", report)
        with_report = wants_report or not result.is_complete
        return json_response(result if with_report else True, headers=[NO_STORE])

    @post(
        "/api/v1/models/sync",
        requires="model:sync",
        response_type=list[Model] | ModelImportReport,
        **_IMPORT_OPTIONS,
    )
    async def sync_models(
        self,
        request: Request,
        data: JSONBody[ImportBody],
        *,
        dry_run: FromQuery[QueryFlag] = "",
        strict: FromQuery[QueryFlag] = "",
        skip_unknown_principals: FromQuery[QueryFlag] = "",
        report: FromQuery[QueryFlag] = "",
    ) -> StreamResponse:
        """Replace all models of the workspace by a list, and return them. Query parameters: as for an import."""
        document = await _read_body(request)
        model_import = await _model_import(
            self.plugin, request.user, document, strict, skip_unknown_principals, replace_all=True
        )
        if parse_query_flag("dry_run", dry_run):
            planned = await model_import.dry_run(document.models, document.templates)
            body = SourceResponse(body=msgspec.json.encode(planned))
            return stream_response(request, body, [NO_STORE])
        wants_report = parse_query_flag("report", report)
        result = await model_import.run(document.models, document.templates)
        if wants_report:
            body = SourceResponse(body=msgspec.json.encode(result))
            return stream_response(request, body, [NO_STORE])
        return stream_response(
            request, SourceResponse(body=json_array_stream(self.plugin.export.everything()))
        )

    async def _export(
        self, request: Request, ids: Sequence[str] | None, templates: str
    ) -> StreamResponse:
        body = json_array_stream(self.plugin.export.presets(request.user, ids))
        if parse_query_flag("templates", templates):
            body = with_templates(body, await self.plugin.templates.export(request.user))
        return stream_response(request, SourceResponse(body=body))


async def _read_body(request: Request) -> ImportDocument:
    return await read_import(BytesIO(await request.body()))


async def _model_import(
    plugin: ModelsPlugin,
    actor: Actor,
    document: ImportDocument,
    strict: str,
    skip_unknown_principals: str,
    *,
    replace_all: bool = False,
) -> ModelImport:
    permissions = plugin.app.permissions
    options = ImportOptions(
        actor=actor,
        replace_all=replace_all,
        body_path=document.body_path,
        is_strict=parse_query_flag("strict", strict),
        reports_missing=not parse_query_flag("skip_unknown_principals", skip_unknown_principals),
        keeps_owners=await permissions.allows_on_collection(actor, KIND, "override"),
    )
    return plugin.new_import(options)
