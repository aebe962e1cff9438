"""Lists of models over HTTP. What a list holds is decided in `looking.py`; single records: `record_routes.py`."""

from typing import Annotated, Any, Literal

from litestar.params import FromQuery, QueryParameter

from portico.api import (
    AppContext,
    JSONResponse,
    QueryFlag,
    Request,
    SchemaOf,
    get,
    json_response,
    parse_query_flag,
)
from portico_models.listing import ListQuery
from portico_models.schemas import Model, ModelPage, OfferedModels, UsableModels
from portico_models.service import Models
from portico_models.tags import tag_names
from portico_models.views import ModelViews

#: Words for an order.
Order = Annotated[str, SchemaOf(Literal["", "name", "created_at", "updated_at"])]


def routes(app: AppContext, models: Models, looking: ModelViews) -> list[Any]:
    """Handlers that work in this house."""

    @get(["/api/models", "/api/v1/models"], response_type=UsableModels)
    async def entries(request: Request, refresh: FromQuery[QueryFlag] = "") -> JSONResponse:
        """Every model the caller may use. `refresh`: ask all sources anew."""
        return JSONResponse(
            await app.catalogue.entries_json(
                request.user, refresh=parse_query_flag("refresh", refresh)
            )
        )

    @get("/api/models/base", requires="model:override", response_type=OfferedModels)
    async def base_entries() -> JSONResponse:
        """What the sources offer, before anything is laid over it."""
        return JSONResponse(await app.catalogue.base_entries_json())

    @get("/api/v1/models/base", requires="model:override", response_type=list[Model])
    async def overrides() -> JSONResponse:
        """Every record that changes a source's model."""
        return json_response(await models.overrides())

    @get("/api/v1/models/list", response_type=ModelPage)
    async def page(
        request: Request,
        *,
        text: Annotated[str, QueryParameter(name="query")] = "",
        view_option: FromQuery[str] = "",
        tag: FromQuery[str] = "",
        order_by: FromQuery[Order] = "",
        direction: FromQuery[str] = "",
        page: FromQuery[int] = 1,
    ) -> JSONResponse:
        """Presets: the caller's own, those they may write, and public ones; newest first unless asked."""
        asked = ListQuery(
            query=text,
            view_option=view_option,
            tag=tag,
            order_by=order_by,
            direction=direction,
            page=page,
        )
        return JSONResponse(await looking.page(request.user, asked))

    @get("/api/v1/models/tags", response_type=list[str])
    async def tags(request: Request) -> JSONResponse:
        """The tags of the presets that the caller finds in the list, as their authors wrote them."""
        return json_response(await tag_names(app, request.user))

    return [entries, base_entries, overrides, page, tags]
