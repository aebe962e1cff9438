"""Taking models along and bringing them in, over HTTP. What happens is in `exporting.py` and `transfer.py`."""

from collections.abc import Sequence
from io import BytesIO
from typing import Annotated, Any, Final

import msgspec
from litestar.params import FromQuery, JSONBody, QueryParameter

from portico.api import (
    NO_STORE,
    Actor,
    Flag,
    House,
    JSONBytes,
    Reply,
    ReplyStream,
    Request,
    TooLarge,
    as_array,
    get,
    json_reply,
    post,
    query_flag,
    stream_reply,
)
from portico_models.envelope import Exported, ImportBody, Imported, read_import, with_templates
from portico_models.exporting import Export
from portico_models.records import KIND
from portico_models.schemas import Model
from portico_models.templates import Templates
from portico_models.transfer import Transfer
from portico_models.writing import Report

#: Bytes of what may be brought in at once.
LARGEST_IMPORT: Final = 64 * 1024 * 1024

#: Commas in it: each may part two objects, and of every object there is at least the note where it begins.
MOST_COMMAS: Final = 2_000_000

Ids = Annotated[tuple[str, ...], QueryParameter(name="id", description="Only this one; repeated")]


class Wanted(msgspec.Struct):
    """Which presets to take along. `ids`: null = all."""

    ids: list[str] | None = None


async def refuse_crumbs(request: Request) -> None:
    """Before a body is taken apart. Raises: TooLarge for one of millions of parts, which would fill the memory."""
    if (await request.body()).count(b",") > MOST_COMMAS:
        raise TooLarge


#: How both routes take a body.
_large: Final[dict[str, Any]] = {
    "max_body": LARGEST_IMPORT,
    "before_request": refuse_crumbs,
    "reads_import": True,
}


def routes(app: House) -> list[Any]:
    """Handlers that work in this house."""
    export = Export(app)

    async def presets(request: Request, ids: Sequence[str] | None, templates: str) -> Reply:
        body = as_array(export.presets(request.user, ids))
        if query_flag("templates", templates):
            found = await app.services.need(Templates).export(request.user)
            body = with_templates(body, found)
        return Reply(body=body)

    @get("/api/v1/models/export", may="model:export", answers=list[Model] | Exported)
    async def take(request: Request, ids: Ids = (), templates: FromQuery[Flag] = "") -> ReplyStream:
        """The presets the caller may write, oldest first. `templates`: in an object, with those the caller reads."""
        return stream_reply(request, await presets(request, ids or None, templates))

    @post("/api/v1/models/export", may="model:export", reads=True, answers=list[Model] | Exported)
    async def take_some(
        request: Request,
        data: JSONBody[Wanted | None] = None,
        templates: FromQuery[Flag] = "",
    ) -> ReplyStream:
        """The same; those of a list in its order."""
        return stream_reply(request, await presets(request, data.ids if data else None, templates))

    @post("/api/v1/models/import", may="model:import", answers=bool | Report, **_large)
    async def bring(
        request: Request,
        data: JSONBody[ImportBody],
        *,
        dry_run: FromQuery[Flag] = "",
        strict: FromQuery[Flag] = "",
        drop_unknown: FromQuery[Flag] = "",
        report: FromQuery[Flag] = "",
    ) -> JSONBytes:
        """Bring in many: all, or none. The answer is true, or a report if something was not taken over as it was sent.

        `dry_run`: only say what would happen. `strict`: users and groups that are not here, and rights that cannot be
        taken over, are refused; else access is narrowed, and the report says so. `drop_unknown`: users and groups
        that do not exist here are left out without a note. `report`: the answer is the report in any case.
        """
        sent = await _sent(request)
        transfer = await _transfer(app, request.user, sent, strict, drop_unknown)
        if query_flag("dry_run", dry_run):
            would = await transfer.rehearse(sent.models, sent.templates)
            return json_reply(would, headers=[NO_STORE])
        done = await transfer.run(sent.models, sent.templates)
        wants_report = query_flag("report", report)
        reported = wants_report or not done.is_complete
        return json_reply(done if reported else True, headers=[NO_STORE])

    @post("/api/v1/models/sync", may="model:sync", answers=list[Model] | Report, **_large)
    async def sync(
        request: Request,
        data: JSONBody[ImportBody],
        *,
        dry_run: FromQuery[Flag] = "",
        strict: FromQuery[Flag] = "",
        drop_unknown: FromQuery[Flag] = "",
        report: FromQuery[Flag] = "",
    ) -> ReplyStream:
        """Make the workspace as a list says; the answer is what it is then. The queries: as for an import."""
        sent = await _sent(request)
        transfer = await _transfer(app, request.user, sent, strict, drop_unknown, over_all=True)
        if query_flag("dry_run", dry_run):
            would = msgspec.json.encode(await transfer.rehearse(sent.models, sent.templates))
            return stream_reply(request, Reply(body=would), [NO_STORE])
        wants_report = query_flag("report", report)
        done = await transfer.run(sent.models, sent.templates)
        if wants_report:
            return stream_reply(request, Reply(body=msgspec.json.encode(done)), [NO_STORE])
        return stream_reply(request, Reply(body=as_array(export.everything())))

    return [take, take_some, bring, sync]


async def _sent(request: Request) -> Imported:
    return await read_import(BytesIO(await request.body()))


async def _transfer(
    app: House,
    actor: Actor,
    sent: Imported,
    strict: str,
    drop_unknown: str,
    *,
    over_all: bool = False,
) -> Transfer:
    return Transfer(
        app,
        actor,
        under=sent.under,
        is_strict=query_flag("strict", strict),
        tells_missing=not query_flag("drop_unknown", drop_unknown),
        keeps_owners=await app.permissions.may(actor, KIND, "override"),
        over_all=over_all,
    )
