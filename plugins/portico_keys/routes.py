"""The routes of keys: the one that clients show, and all of them.

Whoever makes, reads or changes keys has signed in: a key neither widens itself nor outlives itself in another one.
"""

from typing import Annotated, Any

from litestar.params import FromQuery, JSONBody, PathParameter

from portico.api import JSONBytes, Request, delete, get, json_reply, post
from portico_keys.key import Key
from portico_keys.schemas import KeyChanges, KeyForm, KeyPage, NewKey, SingleKey
from portico_keys.service import Keys

SINGLE = "/api/v1/auths/api_key"
KEYS = "/api/v1/auths/api_keys"
KEY = f"{KEYS}/{{key_id:str}}"
#: Bytes.
FORM = 64 * 1024
KeyId = Annotated[str, PathParameter(description="The key's id")]


def routes(keys: Keys) -> list[Any]:
    """Handlers that work with these keys."""

    @post(SINGLE, signed_in=True, answers=SingleKey)
    async def renew(request: Request) -> JSONBytes:
        """Make the key that clients show; the one before is good no more."""
        return json_reply(SingleKey(await keys.renew_shown(request.user)))

    @get(SINGLE, signed_in=True, answers=SingleKey)
    async def show(request: Request) -> JSONBytes:
        """The key that was made by this route's other method, if it is still there."""
        return json_reply(SingleKey(await keys.show(request.user.id)))

    @delete(SINGLE, signed_in=True, answers=bool)
    async def drop(request: Request) -> JSONBytes:
        """Revoke it; true also if there was none."""
        await keys.drop_shown(request.user.id)
        return json_reply(True)

    @get(KEYS, signed_in=True, answers=list[Key])
    async def own(request: Request) -> JSONBytes:
        """All keys of the caller's, newest first, as far as they can be told again."""
        return json_reply(await keys.own(request.user.id))

    @post(KEYS, signed_in=True, max_body=FORM, answers=NewKey)
    async def create(request: Request, data: JSONBody[KeyForm]) -> JSONBytes:
        """Make a key. `api_key` is in this answer and in no other."""
        return json_reply(await keys.make(request.user, data))

    @get(f"{KEYS}/all", may="key:read", answers=KeyPage)
    async def everybodys(
        request: Request, user_id: FromQuery[str] = "", page: FromQuery[int] = 1
    ) -> JSONBytes:
        """One page of everybody's keys, or of somebody's."""
        return json_reply(await keys.anybodys(user_id, page))

    @post(f"{KEY}/update", signed_in=True, answers=Key)
    async def change(request: Request, key_id: KeyId, data: JSONBody[KeyChanges]) -> JSONBytes:
        """Rename a key of the caller's, switch it off or on again."""
        return json_reply(await keys.change(request.user, key_id, data))

    @delete(KEY, signed_in=True, answers=bool)
    async def revoke(request: Request, key_id: KeyId) -> JSONBytes:
        """Revoke a key for good. Administrators revoke anybody's."""
        await keys.delete(request.user, key_id)
        return json_reply(True)

    return [renew, show, drop, own, create, everybodys, change, revoke]
