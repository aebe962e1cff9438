"""`GET /api/config` and `GET /api/version`: the first requests of a client."""

from portico.api.json import JSONObject
from portico.api.web import Controller, JSONResponse, Request, get, json_response
from portico_accounts.client_config import VERSION
from portico_accounts.components import AccountsPlugin


class ClientConfigRoutes(Controller):
    """`/api/config`, `/api/version`: name, features and version of the server."""

    plugin: AccountsPlugin

    @get("/api/config", access="public", response_type=JSONObject)
    async def get_config(self, request: Request) -> JSONResponse:
        """Return the configuration of clients: more for signed-in users, all of it for verified accounts."""
        visitor = await self.plugin.identity.auth.optional_actor(request.scope)
        return json_response(await self.plugin.client_config.build(visitor))

    @get("/api/version", access="public", response_type=dict[str, str])
    async def get_version(self) -> JSONResponse:
        """Return the version that clients compare with theirs. They reload when `deployment_id` changes."""
        found = {"version": VERSION, "deployment_id": self.plugin.settings.deployment_id}
        return json_response(found)

    @get("/api/version/updates", response_type=dict[str, str])
    async def get_updates(self) -> JSONResponse:
        """Return the running version and the latest one, which are equal unless the operator has enabled the check."""
        return json_response(await self.plugin.updates.get())
