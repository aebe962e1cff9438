"""What models were, over HTTP."""

from typing import Any

from litestar.params import FromQuery, JSONBody

from portico.api import JSONResponse, Request, get, json_response, post
from portico_models.record_routes import ModelIdQuery
from portico_models.schemas import Model, RestoreRequest, VersionDocument, VersionPage
from portico_models.version_service import ModelHistory


def routes(versions: ModelHistory) -> list[Any]:
    """Handlers that work in this house."""

    @get("/api/v1/models/model/versions", response_type=VersionPage)
    async def page(
        request: Request, model_id: ModelIdQuery, *, page: FromQuery[int] = 1
    ) -> JSONResponse:
        """The changes of a model, newest first, 30 a page."""
        return json_response(await versions.page(request.user, model_id, page))

    @get("/api/v1/models/model/version", response_type=VersionDocument)
    async def one(request: Request, model_id: ModelIdQuery, number: FromQuery[int]) -> JSONResponse:
        """One change, and what the model was before it."""
        return json_response(await versions.one(request.user, model_id, number))

    @post("/api/v1/models/model/restore", response_type=Model)
    async def restore(request: Request, data: JSONBody[RestoreRequest]) -> JSONResponse:
        """Make a model what it was before a change."""
        return json_response(await versions.restore(request.user, data.id, data.number))

    return [page, one, restore]
