"""The routes of the data that an account keeps for its user: settings, information, status."""

from typing import Any

from litestar.params import JSONBody

from portico.api.auth import MAX_USER_DATA_BYTES
from portico.api.json import RawFields
from portico.api.web import Controller, JSONResponse, Request, get, json_response, post
from portico_accounts.components import AccountsPlugin
from portico_accounts.schemas import StatusForm, User
from portico_accounts.user_settings import check_utf8

#: The largest data, and what a client sends around it.
MAX_BODY_BYTES = MAX_USER_DATA_BYTES + 64 * 1024


class UserDataRoutes(Controller):
    """`/api/v1/users/user/…`: settings, information and status of the caller."""

    plugin: AccountsPlugin

    # Clients read it before they know whether the account is pending.
    @get("/api/v1/users/user/settings", access="user", response_type=dict[str, Any] | None)
    async def get_settings(self, request: Request) -> JSONResponse:
        """Return the settings of the caller; null if none were stored."""
        data = self.plugin.identity.user_data
        return json_response(await data.read(request.user.id, "settings"))

    @post(
        "/api/v1/users/user/settings/update", max_body=MAX_BODY_BYTES, response_type=dict[str, Any]
    )
    async def update_settings(self, request: Request, data: JSONBody[RawFields]) -> JSONResponse:
        """Replace top-level keys of the caller's settings. `ui` is always replaced, by an empty object if missing."""
        changes = await self.plugin.user_settings.checked(request.user, data)
        user_data = self.plugin.identity.user_data
        return json_response(await user_data.update(request.user.id, "settings", changes))

    @get("/api/v1/users/user/info", response_type=dict[str, Any] | None)
    async def get_info(self, request: Request) -> JSONResponse:
        """Return what the client stored about the caller, such as a location; null if nothing was stored."""
        return json_response(await self.plugin.identity.user_data.read(request.user.id, "info"))

    @post("/api/v1/users/user/info/update", max_body=MAX_BODY_BYTES, response_type=dict[str, Any])
    async def update_info(self, request: Request, data: JSONBody[RawFields]) -> JSONResponse:
        """Replace top-level keys of the stored information about the caller."""
        user_data = self.plugin.identity.user_data
        return json_response(await user_data.update(request.user.id, "info", check_utf8(data)))

    @get("/api/v1/users/user/status", response_type=User)
    async def get_status(self, request: Request) -> JSONResponse:
        """Return the account of the caller."""
        return json_response(await self.plugin.accounts.get_own(request.user))

    @post("/api/v1/users/user/status/update", response_type=User)
    async def update_status(self, request: Request, data: JSONBody[StatusForm]) -> JSONResponse:
        """Set the status of the caller. Fields that are null or missing stay as they are."""
        emoji, message = (
            text and text.replace("\x00", "") for text in (data.status_emoji, data.status_message)
        )
        user_data = self.plugin.identity.user_data
        await user_data.set_status(request.user.id, emoji, message, data.status_expires_at)
        return json_response(await self.plugin.accounts.get_own(request.user))
