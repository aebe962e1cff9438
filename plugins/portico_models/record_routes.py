"""Single records over HTTP. What happens to them is in `service.py`; new ones: `template_routes.py`."""

from typing import Annotated, Any

from litestar.params import JSONBody, QueryParameter

from portico.api import JSONResponse, Request, delete, get, json_response, post
from portico_models.schemas import Model, ModelForm, ModelId
from portico_models.service import Models
from portico_models.transfer.imported_rights import refuse_unknown_rights
from portico_models.validation import MAX_MODEL_BYTES
from portico_models.views import ModelViews

#: In the query, for it may hold slashes.
ModelIdQuery = Annotated[str, QueryParameter(name="id", description="The model's id")]


def routes(models: Models, looking: ModelViews) -> list[Any]:
    """Handlers that work in this house."""

    @get("/api/v1/models/model", response_type=Model)
    async def one(request: Request, model_id: ModelIdQuery) -> JSONResponse:
        """One record."""
        return JSONResponse(await looking.one(request.user, model_id))

    @post("/api/v1/models/model/update", response_type=Model, max_body=MAX_MODEL_BYTES)
    async def update(request: Request, data: JSONBody[ModelForm]) -> JSONResponse:
        """Replace a record; its id, owner and birth stay, and without any rights in the form who has access, too."""
        refuse_unknown_rights(data, await request.body())
        return json_response(await models.update(request.user, data))

    @post("/api/v1/models/model/toggle", response_type=Model)
    async def toggle(request: Request, model_id: ModelIdQuery) -> JSONResponse:
        """Turn a record off that is on, and the other way round."""
        return json_response(await models.toggle(request.user, model_id))

    @post("/api/v1/models/model/delete", response_type=bool)
    async def remove(request: Request, data: JSONBody[ModelId]) -> JSONResponse:
        """Delete a record."""
        await models.delete(request.user, data.id)
        return json_response(True)

    @delete("/api/v1/models/delete/all", requires="model:clear", response_type=bool)
    async def remove_all(request: Request) -> JSONResponse:
        """Delete every record there is."""
        await models.delete_all(request.user)
        return json_response(True)

    return [one, update, toggle, remove, remove_all]
