"""The routes of keys: the one that clients show, and all of them.

Whoever makes, reads or changes keys has signed in: a key neither widens itself nor outlives itself in another one.
"""

from typing import Annotated, Any

from litestar.params import FromQuery, JSONBody, PathParameter

from portico.api import JSONResponse, Request, delete, get, json_response, post
from portico_api_keys.api_key import ApiKey
from portico_api_keys.schemas import ClientKey, KeyChanges, KeyForm, KeyPage, NewKey
from portico_api_keys.service import Keys

CLIENT_KEY_PATH = "/api/v1/auths/api_key"
KEYS = "/api/v1/auths/api_keys"
KEY = f"{KEYS}/{{key_id:str}}"
#: Bytes.
MAX_FORM_BYTES = 64 * 1024
KeyId = Annotated[str, PathParameter(description="The key's id")]


def routes(keys: Keys) -> list[Any]:
    """Handlers that work with these keys."""

    @post(CLIENT_KEY_PATH, session_only=True, response_type=ClientKey)
    async def renew(request: Request) -> JSONResponse:
        """Make the key that clients show; the one before is good no more."""
        return json_response(ClientKey(await keys.renew_client_key(request.user)))

    @get(CLIENT_KEY_PATH, session_only=True, response_type=ClientKey)
    async def client_key(request: Request) -> JSONResponse:
        """The key that was made by this route's other method, if it is still there."""
        return json_response(ClientKey(await keys.client_key(request.user.id)))

    @delete(CLIENT_KEY_PATH, session_only=True, response_type=bool)
    async def drop(request: Request) -> JSONResponse:
        """Revoke it; true also if there was none."""
        await keys.delete_client_key(request.user.id)
        return json_response(True)

    @get(KEYS, session_only=True, response_type=list[ApiKey])
    async def list_own(request: Request) -> JSONResponse:
        """All keys of the caller's, newest first, as far as they can be told again."""
        return json_response(await keys.list_own(request.user.id))

    @post(KEYS, session_only=True, max_body=MAX_FORM_BYTES, response_type=NewKey)
    async def create(request: Request, data: JSONBody[KeyForm]) -> JSONResponse:
        """Make a key. `api_key` is in this answer and in no other."""
        return json_response(await keys.create(request.user, data))

    @get(f"{KEYS}/all", requires="key:read", response_type=KeyPage)
    async def everybodys(
        request: Request, user_id: FromQuery[str] = "", page: FromQuery[int] = 1
    ) -> JSONResponse:
        """One page of everybody's keys, or of somebody's."""
        return json_response(await keys.list_all(user_id, page))

    @post(f"{KEY}/update", session_only=True, response_type=ApiKey)
    async def change(request: Request, key_id: KeyId, data: JSONBody[KeyChanges]) -> JSONResponse:
        """Rename a key of the caller's, switch it off or on again."""
        return json_response(await keys.change(request.user, key_id, data))

    @delete(KEY, session_only=True, response_type=bool)
    async def revoke(request: Request, key_id: KeyId) -> JSONResponse:
        """Revoke a key for good. Administrators revoke anybody's."""
        await keys.delete(request.user, key_id)
        return json_response(True)

    return [renew, client_key, drop, list_own, create, everybodys, change, revoke]
