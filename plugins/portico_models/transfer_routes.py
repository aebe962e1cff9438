"""Taking models along and bringing them in, over HTTP. What happens is in `exporting.py` and `transfer.py`."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from litestar.params import FromQuery, JSONBody, QueryParameter

from portico.api import (
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
from portico_models.envelope import (
    Exported,
    ImportForm,
    models_in,
    templates_in,
    with_templates,
)
from portico_models.exporting import Export
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
_large: Final[dict[str, Any]] = {"max_body": LARGEST_IMPORT, "before_request": refuse_crumbs}


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
        data: JSONBody[ImportForm],
        dry_run: FromQuery[Flag] = "",
        drop_unknown: FromQuery[Flag] = "",
    ) -> JSONBytes:
        """Bring in many: all, or none.

        `dry_run`: only say what would happen. `drop_unknown`: people and groups that are not here are left out of
        `access_control`; else naming one is refused.
        """
        objects, under = models_in(data)
        drops = query_flag("drop_unknown", drop_unknown)
        transfer = Transfer(app, request.user, under=under, drop_unknown=drops)
        if query_flag("dry_run", dry_run):
            return json_reply(await transfer.rehearse(objects, templates_in(data)))
        await transfer.run(objects, templates_in(data))
        return json_reply(True)

    @post("/api/v1/models/sync", may="model:sync", answers=list[Model] | Report, **_large)
    async def sync(
        request: Request,
        data: JSONBody[ImportForm],
        dry_run: FromQuery[Flag] = "",
        drop_unknown: FromQuery[Flag] = "",
    ) -> ReplyStream:
        """Make the workspace as a list says; the answer is what it is then. The queries: as for an import."""
        objects, under = models_in(data)
        drops = query_flag("drop_unknown", drop_unknown)
        transfer = Transfer(app, request.user, over_all=True, under=under, drop_unknown=drops)
        if query_flag("dry_run", dry_run):
            report = msgspec.json.encode(await transfer.rehearse(objects, templates_in(data)))
            return stream_reply(request, Reply(body=report))
        await transfer.run(objects, templates_in(data))
        return stream_reply(request, Reply(body=as_array(export.everything())))

    return [take, take_some, bring, sync]
