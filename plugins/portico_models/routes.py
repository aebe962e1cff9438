"""HTTP routes of the model lists and of single records."""

from typing import Annotated, Any, Literal

from litestar.params import FromQuery, JSONBody, QueryParameter

from portico.api import (
    AppContext,
    JSONResponse,
    QueryFlag,
    Request,
    SchemaOf,
    delete,
    get,
    json_response,
    parse_query_flag,
    post,
)
from portico_models.access_fields import reject_unknown_access_keys
from portico_models.listing import ListQuery, tag_names
from portico_models.schemas import (
    Model,
    ModelForm,
    ModelId,
    ModelPage,
    OfferedModels,
    UsableModels,
)
from portico_models.service import Models
from portico_models.templates.apply import TemplateApplier
from portico_models.templates.schemas import NewModel
from portico_models.validation import MAX_MODEL_BYTES
from portico_models.views import ModelViews

#: A query parameter, not a path parameter: ids may contain slashes.
ModelIdQuery = Annotated[str, QueryParameter(name="id", description="The model's id")]
#: Values of `order_by`.
Order = Annotated[str, SchemaOf(Literal["", "name", "created_at", "updated_at"])]
TemplateQuery = Annotated[
    str, QueryParameter(name="template", description="Id or name of a template")
]


def list_routes(app: AppContext, models: Models, views: ModelViews) -> list[Any]:
    """Return the handlers of the model lists."""

    @get(["/api/models", "/api/v1/models"], response_type=UsableModels)
    async def list_usable(request: Request, refresh: FromQuery[QueryFlag] = "") -> JSONResponse:
        """List every model the caller may use. `refresh`: query all model sources again first."""
        return JSONResponse(
            await app.catalogue.entries_json(
                request.user, refresh=parse_query_flag("refresh", refresh)
            )
        )

    @get("/api/models/base", requires="model:override", response_type=OfferedModels)
    async def list_source_models() -> JSONResponse:
        """List the models of all sources, without overrides and presets."""
        return JSONResponse(await app.catalogue.base_entries_json())

    @get("/api/v1/models/base", requires="model:override", response_type=list[Model])
    async def list_overrides() -> JSONResponse:
        """List every override of a source's model."""
        return json_response(await models.overrides())

    @get("/api/v1/models/list", response_type=ModelPage)
    async def list_presets(
        request: Request,
        *,
        text: Annotated[str, QueryParameter(name="query")] = "",
        view_option: FromQuery[str] = "",
        tag: FromQuery[str] = "",
        order_by: FromQuery[Order] = "",
        direction: FromQuery[str] = "",
        page: FromQuery[int] = 1,
    ) -> JSONResponse:
        """List presets: the caller's own, those they may write, and public ones; newest first by default."""
        query = ListQuery(
            query=text,
            view_option=view_option,
            tag=tag,
            order_by=order_by,
            direction=direction,
            page=page,
        )
        return JSONResponse(await views.page(request.user, query))

    @get("/api/v1/models/tags", response_type=list[str])
    async def list_tags(request: Request) -> JSONResponse:
        """List the tags of the presets in the caller's list, as their authors wrote them."""
        return json_response(await tag_names(app, request.user))

    return [list_usable, list_source_models, list_overrides, list_presets, list_tags]


def record_routes(models: Models, views: ModelViews, applier: TemplateApplier) -> list[Any]:
    """Return the handlers of single records."""

    @post(
        "/api/v1/models/create",
        requires="model:create",
        response_type=Model,
        max_body=MAX_MODEL_BYTES,
    )
    async def create_model(
        request: Request, data: JSONBody[NewModel], template: TemplateQuery = ""
    ) -> JSONResponse:
        """Create a model owned by the caller, from a template if one is named."""
        reject_unknown_access_keys(data, await request.body())
        return json_response(await applier.create(request.user, data, template))

    @get("/api/v1/models/model", response_type=Model)
    async def get_model(request: Request, model_id: ModelIdQuery) -> JSONResponse:
        """Return one model."""
        return JSONResponse(await views.one(request.user, model_id))

    @post("/api/v1/models/model/update", response_type=Model, max_body=MAX_MODEL_BYTES)
    async def update_model(request: Request, data: JSONBody[ModelForm]) -> JSONResponse:
        """Replace a model. Its id, owner and creation time stay, and its sharing if the body has no access fields."""
        reject_unknown_access_keys(data, await request.body())
        return json_response(await models.update(request.user, data))

    @post("/api/v1/models/model/toggle", response_type=Model)
    async def toggle_model(request: Request, model_id: ModelIdQuery) -> JSONResponse:
        """Switch a model off if it is on, and on if it is off."""
        return json_response(await models.toggle(request.user, model_id))

    @post("/api/v1/models/model/delete", response_type=bool)
    async def delete_model(request: Request, data: JSONBody[ModelId]) -> JSONResponse:
        """Delete a model."""
        await models.delete(request.user, data.id)
        return json_response(True)

    @delete("/api/v1/models/delete/all", requires="model:clear", response_type=bool)
    async def delete_all_models(request: Request) -> JSONResponse:
        """Delete every model of the workspace."""
        await models.delete_all(request.user)
        return json_response(True)

    return [
        create_model,
        get_model,
        update_model,
        toggle_model,
        delete_model,
        delete_all_models,
    ]
