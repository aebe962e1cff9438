"""The routes of users: lists, one user, their picture, whether they are active."""

from functools import lru_cache
from importlib import resources
from typing import Annotated

from litestar.params import FromQuery, PathParameter, QueryParameter

from portico.api.auth import AccountQuery, decode_data_url
from portico.api.web import (
    IMAGE_RESPONSES,
    Controller,
    JSONResponse,
    Request,
    get,
    image_response,
    json_response,
)
from portico_accounts.components import AccountsPlugin
from portico_accounts.schemas import ActiveResponse, UserInfoList, UserPage, UserWithPresence

UserId = Annotated[str, PathParameter(description="Id of the account.")]
Text = Annotated[str, QueryParameter(name="query", description="Part of a name or e-mail address.")]


class UserRoutes(Controller):
    """`/api/v1/users/…`: the users of this server."""

    plugin: AccountsPlugin

    @get("/api/v1/users/", requires="account:read", response_type=UserPage)
    async def list_users(
        self,
        *,
        text: Text = "",
        order_by: FromQuery[str] = "",
        direction: FromQuery[str] = "",
        page: FromQuery[int] = 1,
    ) -> JSONResponse:
        """Return one page of accounts, newest first by default. `order_by` can be `group_id:` and the id of a group."""
        query = AccountQuery(query=text, order_by=order_by, direction=direction, page=page)
        return json_response(await self.plugin.accounts.page(query))

    @get("/api/v1/users/all", requires="account:read", response_type=UserInfoList)
    async def list_all_users(self) -> JSONResponse:
        """Return all users in short, newest first."""
        return json_response(await self.plugin.accounts.list_all())

    @get("/api/v1/users/search", response_type=UserInfoList)
    async def search_users(
        self,
        request: Request,
        *,
        text: Text = "",
        order_by: FromQuery[str] = "",
        direction: FromQuery[str] = "",
        page: FromQuery[int] = 1,
    ) -> JSONResponse:
        """Return one page of users in short. Callers who may not see e-mail addresses do not search or sort by them."""
        query = AccountQuery(
            query=text,
            order_by=order_by,
            direction=direction,
            page=page,
            with_emails=await self.plugin.accounts.may_see_emails(request.user),
        )
        return json_response(await self.plugin.accounts.search(request.user, query))

    @get("/api/v1/users/{user_id:str}", response_type=UserWithPresence)
    async def get_user(self, request: Request, user_id: UserId) -> JSONResponse:
        """Return a user: all fields to the user and to callers who may read accounts, a profile card to others.

        `shared-` and the id of a shared chat: name and picture of the user who shared it.
        """
        return json_response(await self.plugin.accounts.get_for(request.user, user_id))

    @get("/api/v1/users/{user_id:str}/active", response_type=ActiveResponse)
    async def is_user_active(self, user_id: UserId) -> JSONResponse:
        """Return whether a user sent a request within the last three minutes."""
        return json_response(ActiveResponse(await self.plugin.accounts.is_active(user_id)))

    @get("/api/v1/users/{user_id:str}/profile/image", responses=IMAGE_RESPONSES)
    async def get_user_picture(self, request: Request, user_id: UserId) -> JSONResponse:
        """Return the picture of a user. A picture on another server is neither fetched nor redirected to."""
        picture = decode_data_url(await self.plugin.accounts.picture_of(user_id))
        return image_response(request, picture, _default_avatar())


@lru_cache(maxsize=1)
def _default_avatar() -> bytes:
    return resources.files(__package__).joinpath("default_avatar.png").read_bytes()
