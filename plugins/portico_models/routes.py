"""HTTP routes of the model lists and of single models."""

from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import unquote

from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from portico.api.json import SchemaOf
from portico.api.resources import read_sharing
from portico.api.web import (
    IMAGE_RESPONSES,
    Controller,
    JSONResponse,
    QueryFlag,
    Request,
    delete,
    get,
    image_response,
    json_response,
    parse_query_flag,
    post,
)
from portico_models.components import ModelsPlugin
from portico_models.fields.schemas import (
    Model,
    ModelForm,
    ModelId,
    ModelPage,
    OfferedModels,
    UsableModel,
    UsableModels,
)
from portico_models.fields.validation import MAX_MODEL_BYTES
from portico_models.templates.schemas import NewModel
from portico_models.workspace.listing import ListQuery, tag_names
from portico_models.workspace.pictures import picture_of

#: A query parameter, not a path parameter: ids may contain slashes.
ModelIdQuery = Annotated[str, QueryParameter(name="id", description="The model's id")]
#: Where the id of a model begins in the path of its entry.
MODEL_PREFIX: Final = "/api/v1/models/"
#: Values of `order_by`.
Order = Annotated[str, SchemaOf(Literal["", "name", "created_at", "updated_at"])]
TemplateQuery = Annotated[
    str, QueryParameter(name="template", description="Id or name of a template")
]


class ModelListRoutes(Controller):
    """`/api/models` and the lists below `/api/v1/models`."""

    plugin: ModelsPlugin

    @get(["/api/models", "/api/v1/models"], response_type=UsableModels, errors="openai")
    async def list_usable(
        self, request: Request, refresh: FromQuery[QueryFlag] = ""
    ) -> JSONResponse:
        """List every model the caller may use. `refresh`: query all model sources again first."""
        refreshes = parse_query_flag("refresh", refresh)
        catalogue = self.plugin.app.catalogue
        return JSONResponse(await catalogue.entries_json(request.user, refresh=refreshes))

    @get("/api/v1/models/{model_id:path}", response_type=UsableModel, errors="openai")
    async def get_usable(self, request: Request, model_id: FromPath[Path]) -> JSONResponse:
        """Return the entry of one model in the list of those that the caller may use, as OpenAI's clients retrieve it."""
        # Not the parameter: the router removes slashes at the end, and all but one of several, which ids may have.
        path = unquote(request.scope["raw_path"].partition(b"?")[0], errors="replace")
        wanted = path.removeprefix(MODEL_PREFIX)
        catalogue = self.plugin.app.catalogue
        return JSONResponse(await catalogue.entry_json(wanted, request.user))

    @get("/api/models/base", requires="model:override", response_type=OfferedModels)
    async def list_source_models(self) -> JSONResponse:
        """List the models of all sources, without overrides and presets."""
        return JSONResponse(await self.plugin.app.catalogue.base_entries_json())

    @get("/api/v1/models/base", requires="model:override", response_type=list[Model])
    async def list_overrides(self) -> JSONResponse:
        """List every override of a source's model."""
        return json_response(await self.plugin.models.overrides())

    @get("/api/v1/models/list", response_type=ModelPage)
    async def list_presets(
        self,
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
        return JSONResponse(await self.plugin.views.page(request.user, query))

    @get("/api/v1/models/tags", response_type=list[str])
    async def list_tags(self, request: Request) -> JSONResponse:
        """List the tags of the presets in the caller's list, as their authors wrote them."""
        return json_response(await tag_names(self.plugin.app, request.user))


class ModelRoutes(Controller):
    """`/api/v1/models/create`, `/model…` and `/delete/all`: single models."""

    plugin: ModelsPlugin

    @post(
        "/api/v1/models/create",
        requires="model:create",
        response_type=Model,
        max_body=MAX_MODEL_BYTES,
    )
    async def create(
        self, request: Request, data: JSONBody[NewModel], template: TemplateQuery = ""
    ) -> JSONResponse:
        """Create a model owned by the caller, from a template if one is named."""
        sharing = read_sharing(data, await request.body())
        applier = self.plugin.template_applier
        return json_response(await applier.create(request.user, data, sharing, template))

    @get("/api/v1/models/model", response_type=Model)
    async def get_model(self, request: Request, model_id: ModelIdQuery) -> JSONResponse:
        """Return one model."""
        return JSONResponse(await self.plugin.views.one(request.user, model_id))

    @get("/api/v1/models/model/profile/image", responses=IMAGE_RESPONSES)
    async def get_picture(self, request: Request, model_id: ModelIdQuery = "") -> JSONResponse:
        """Return a model's picture, never an error. Pictures on other servers are neither fetched nor redirected to."""
        picture = await picture_of(self.plugin.app, request.user, model_id)
        return image_response(request, picture, await self.plugin.default_picture.read())

    @post("/api/v1/models/model/update", response_type=Model, max_body=MAX_MODEL_BYTES)
    async def update(self, request: Request, data: JSONBody[ModelForm]) -> JSONResponse:
        """Replace a model. Its id, owner and creation time stay, and its sharing if the body has no access fields."""
        sharing = read_sharing(data, await request.body())
        return json_response(await self.plugin.models.update(request.user, data, sharing))

    @post("/api/v1/models/model/toggle", response_type=Model)
    async def toggle(self, request: Request, model_id: ModelIdQuery) -> JSONResponse:
        """Switch a model off if it is on, and on if it is off."""
        return json_response(await self.plugin.models.toggle(request.user, model_id))

    @post("/api/v1/models/model/delete", response_type=bool)
    async def delete_model(self, request: Request, data: JSONBody[ModelId]) -> JSONResponse:
        """Delete a model."""
        await self.plugin.models.delete(request.user, data.id)
        return json_response(True)

    @delete("/api/v1/models/delete/all", requires="model:delete_all", response_type=bool)
    async def delete_all(self, request: Request) -> JSONResponse:
        """Delete every model of the workspace."""
        await self.plugin.models.delete_all(request.user)
        return json_response(True)
