"""The HTTP route of the models in use."""

import msgspec

from portico.api.web import Controller, JSONResponse, Request, get, json_response
from portico_models.components import ModelsPlugin


class Usage(msgspec.Struct):
    """`model_ids`: models in use that the caller may use. `user_count`: accounts seen within three minutes."""

    model_ids: list[str]
    user_count: int


class UsagePoolRoutes(Controller):
    """`/api/usage`."""

    plugin: ModelsPlugin

    @get("/api/usage", response_type=Usage)
    async def read_usage(self, request: Request) -> JSONResponse:
        """Return which models are in use now, and how many users are active."""
        app = self.plugin.app
        ids = [
            one
            for one in self.plugin.usage.model_ids()
            if await app.catalogue.is_usable(one, request.user)
        ]
        return json_response(Usage(ids, await app.identity.active_count()))
