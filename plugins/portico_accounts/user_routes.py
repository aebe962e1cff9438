"""Looking at people: lists, one of them, their picture, whether they are here."""

from importlib import resources
from typing import Annotated, Any

from litestar.params import FromQuery, PathParameter, QueryParameter

from portico.api import (
    IMAGE_RESPONSES,
    AccountQuery,
    AppContext,
    JSONResponse,
    Request,
    decode_data_url,
    get,
    image_response,
    json_response,
)
from portico_accounts.schemas import ActiveResponse, UserInfoList, UserPage, UserWithPresence
from portico_accounts.service import AccountService

UserId = Annotated[str, PathParameter(description="The account's id")]
Text = Annotated[str, QueryParameter(name="query", description="Part of a name or e-mail address")]


def routes(app: AppContext, people: AccountService) -> list[Any]:
    """Handlers that work in this house."""
    nobody = resources.files(__package__).joinpath("default_avatar.png").read_bytes()

    @get("/api/v1/users/", requires="account:read", response_type=UserPage)
    async def page(
        *,
        text: Text = "",
        order_by: FromQuery[str] = "",
        direction: FromQuery[str] = "",
        page: FromQuery[int] = 1,
    ) -> JSONResponse:
        """A page of accounts, newest first unless asked. `order_by` may be `group_id:` and the id of a group."""
        asked = AccountQuery(query=text, order_by=order_by, direction=direction, page=page)
        return json_response(await people.page(asked))

    @get("/api/v1/users/all", requires="account:read", response_type=UserInfoList)
    async def everybody() -> JSONResponse:
        """Everybody, newest first."""
        return json_response(await people.everybody())

    @get("/api/v1/users/search", response_type=UserInfoList)
    async def search(
        request: Request,
        *,
        text: Text = "",
        order_by: FromQuery[str] = "",
        direction: FromQuery[str] = "",
        page: FromQuery[int] = 1,
    ) -> JSONResponse:
        """A page of people. Who may not see e-mail addresses cannot search or sort by them either."""
        asked = AccountQuery(
            query=text,
            order_by=order_by,
            direction=direction,
            page=page,
            with_emails=await people.may_see_emails(request.user),
        )
        return json_response(await people.search(request.user, asked))

    @get("/api/v1/users/{user_id:str}", response_type=UserWithPresence)
    async def one(request: Request, user_id: UserId) -> JSONResponse:
        """Somebody: whole to themselves and to whoever may read accounts, to others what a profile card shows.

        `shared-` and the id of a shared chat: the name and picture of whoever shares it.
        """
        return json_response(await people.get_for(request.user, user_id))

    @get("/api/v1/users/{user_id:str}/active", response_type=ActiveResponse)
    async def is_active(user_id: UserId) -> JSONResponse:
        """Whether somebody was here within the last three minutes."""
        return json_response(ActiveResponse(await people.is_active(user_id)))

    @get("/api/v1/users/{user_id:str}/profile/image", responses=IMAGE_RESPONSES)
    async def picture(request: Request, user_id: UserId) -> JSONResponse:
        """Somebody's picture. One that lies elsewhere is not fetched, nor is anybody sent there."""
        found = decode_data_url(await people.picture_of(user_id))
        return image_response(request, found, nobody)

    return [page, everybody, search, one, is_active, picture]
