"""HTTP routes of the versions of models."""

from litestar.params import FromQuery, JSONBody

from portico.api.web import Controller, JSONResponse, Request, get, json_response, post
from portico_models.components import ModelsPlugin
from portico_models.fields.schemas import Model, RestoreRequest, VersionDocument, VersionPage
from portico_models.routes import ModelIdQuery


class VersionRoutes(Controller):
    """`/api/v1/models/model/version…` and `/restore`."""

    plugin: ModelsPlugin

    @get("/api/v1/models/model/versions", response_type=VersionPage)
    async def list_versions(
        self, request: Request, model_id: ModelIdQuery, *, page: FromQuery[int] = 1
    ) -> JSONResponse:
        """List the changes of a model, newest first, 30 a page."""
        return json_response(await self.plugin.history.page(request.user, model_id, page))

    @get("/api/v1/models/model/version", response_type=VersionDocument)
    async def get_version(
        self, request: Request, model_id: ModelIdQuery, number: FromQuery[int]
    ) -> JSONResponse:
        """Return one change and the model as it was before it."""
        return json_response(await self.plugin.history.one(request.user, model_id, number))

    @post("/api/v1/models/model/restore", response_type=Model)
    async def restore(self, request: Request, data: JSONBody[RestoreRequest]) -> JSONResponse:
        """Restore a model to its state before a change."""
        history = self.plugin.history
        return json_response(await history.restore(request.user, data.id, data.number))
