"""The routes of models. What they do is in `service.py`."""

from typing import Annotated, Any

from litestar.params import FromQuery, JSONBody, QueryParameter

from portico.api import House, JSONBytes, Request, get, json_reply, post, query_flag
from portico_models.listing import ListQuery
from portico_models.schemas import Model, ModelForm, ModelId, ModelPage
from portico_models.service import Models

ModelIdQuery = Annotated[str, QueryParameter(name="id")]


def routes(app: House) -> list[Any]:
    """Handlers that work in this house."""
    models = Models(app)

    @get(["/api/models", "/api/v1/models"])
    async def entries(request: Request, refresh: FromQuery[str] = "") -> JSONBytes:
        """Every model the caller may use. `refresh`: ask all sources anew."""
        return JSONBytes(
            await app.catalogue.entries_json(request.user, refresh=query_flag("refresh", refresh))
        )

    @get("/api/models/base", may="model:override")
    async def base_entries() -> JSONBytes:
        """What the sources offer, before anything is laid over it."""
        return JSONBytes(await app.catalogue.base_entries_json())

    @get("/api/v1/models/base", may="model:override", answers=list[Model])
    async def overrides() -> JSONBytes:
        """Every record that changes a source's model."""
        return json_reply(await models.overrides())

    @get("/api/v1/models/list", answers=ModelPage)
    async def page(
        request: Request,
        *,
        text: Annotated[str, QueryParameter(name="query")] = "",
        view_option: FromQuery[str] = "",
        tag: FromQuery[str] = "",
        order_by: FromQuery[str] = "",
        direction: FromQuery[str] = "",
        page: FromQuery[int] = 1,
    ) -> JSONBytes:
        """Presets: the caller's own, those they may write, and public ones; newest first unless asked."""
        asked = ListQuery(
            query=text,
            view_option=view_option,
            tag=tag,
            order_by=order_by,
            direction=direction,
            page=page,
        )
        return json_reply(await models.page(request.user, asked))

    @get("/api/v1/models/model", answers=Model)
    async def one(request: Request, model_id: ModelIdQuery) -> JSONBytes:
        """One record. The id is in the query, for it may hold slashes."""
        return json_reply(await models.get(request.user, model_id))

    @post(
        "/api/v1/models/create",
        may="model:create",
        answers=Model,
    )
    async def create(request: Request, data: JSONBody[ModelForm]) -> JSONBytes:
        """A new record of the caller's."""
        return json_reply(await models.create(request.user, data))

    @post("/api/v1/models/model/update", answers=Model)
    async def update(request: Request, data: JSONBody[ModelForm]) -> JSONBytes:
        """Replace a record; its id, owner and birth stay."""
        return json_reply(await models.update(request.user, data))

    @post("/api/v1/models/model/delete", answers=bool)
    async def delete(request: Request, data: JSONBody[ModelId]) -> JSONBytes:
        """Delete a record."""
        await models.delete(request.user, data.id)
        return json_reply(True)

    return [entries, base_entries, overrides, page, one, create, update, delete]
