"""The routes of API keys: the one key that clients show, and all keys.

Keys are created, listed and changed with sessions only, so that no key can extend its own restrictions or lifetime.
"""

from typing import Annotated

from litestar.params import FromQuery, JSONBody, PathParameter

from portico.api.web import Controller, JSONResponse, Request, delete, get, json_response, post
from portico_api_keys.api_key import ApiKey
from portico_api_keys.components import ApiKeysPlugin
from portico_api_keys.schemas import ClientKey, KeyChanges, KeyForm, KeyPage, NewKey

CLIENT_KEY_PATH = "/api/v1/auths/api_key"
KEYS_PATH = "/api/v1/auths/api_keys"
KEY_PATH = f"{KEYS_PATH}/{{key_id:str}}"
MAX_FORM_BYTES = 64 * 1024
KeyId = Annotated[str, PathParameter(description="Id of the key.")]


class ClientKeyRoutes(Controller):
    """`/api/v1/auths/api_key`: the one key that clients show in the account settings."""

    plugin: ApiKeysPlugin

    @post(CLIENT_KEY_PATH, session_only=True, response_type=ClientKey)
    async def renew_client_key(self, request: Request) -> JSONResponse:
        """Create the key that clients show. The previous one is revoked."""
        return json_response(ClientKey(await self.plugin.service.renew_client_key(request.user)))

    @get(CLIENT_KEY_PATH, session_only=True, response_type=ClientKey)
    async def get_client_key(self, request: Request) -> JSONResponse:
        """Return the key that clients show."""
        return json_response(ClientKey(await self.plugin.service.client_key(request.user.id)))

    @delete(CLIENT_KEY_PATH, session_only=True, response_type=bool)
    async def delete_client_key(self, request: Request) -> JSONResponse:
        """Revoke the key that clients show. Returns true also if there is none."""
        await self.plugin.service.delete_client_key(request.user.id)
        return json_response(True)


class KeyRoutes(Controller):
    """`/api/v1/auths/api_keys`: the keys of the caller, and of all users for administrators."""

    plugin: ApiKeysPlugin

    @get(KEYS_PATH, session_only=True, response_type=list[ApiKey])
    async def list_own_keys(self, request: Request) -> JSONResponse:
        """Return all keys of the caller, newest first, without their secrets."""
        return json_response(await self.plugin.service.list_own(request.user.id))

    @post(KEYS_PATH, session_only=True, max_body=MAX_FORM_BYTES, response_type=NewKey)
    async def create_key(self, request: Request, data: JSONBody[KeyForm]) -> JSONResponse:
        """Create a key. Only this response contains `api_key`."""
        return json_response(await self.plugin.service.create(request.user, data))

    @get(f"{KEYS_PATH}/all", requires="api_key:read", response_type=KeyPage)
    async def list_all_keys(
        self, request: Request, user_id: FromQuery[str] = "", page: FromQuery[int] = 1
    ) -> JSONResponse:
        """Return one page of the keys of all users, or of one."""
        return json_response(await self.plugin.service.list_all(user_id, page))

    @post(f"{KEY_PATH}/update", session_only=True, response_type=ApiKey)
    async def change_key(
        self, request: Request, key_id: KeyId, data: JSONBody[KeyChanges]
    ) -> JSONResponse:
        """Rename, disable or enable a key of the caller."""
        return json_response(await self.plugin.service.change(request.user, key_id, data))

    @delete(KEY_PATH, session_only=True, response_type=bool)
    async def revoke_key(self, request: Request, key_id: KeyId) -> JSONResponse:
        """Revoke a key of the caller; administrators revoke keys of all users."""
        await self.plugin.service.delete(request.user, key_id)
        return json_response(True)
