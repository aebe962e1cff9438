"""Looking at people: lists, one of them, their picture, whether they are here."""

from importlib import resources
from typing import Annotated, Any

from litestar.params import FromQuery, PathParameter, QueryParameter

from portico.api import (
    PICTURE_RESPONSES,
    House,
    JSONBytes,
    Request,
    RollQuery,
    bitmap,
    get,
    json_reply,
    picture_reply,
)
from portico_accounts.people import People
from portico_accounts.schemas import Active, KnownUser, UserInfoList, UserPage

UserId = Annotated[str, PathParameter(description="The account's id")]
Text = Annotated[str, QueryParameter(name="query", description="Part of a name or e-mail address")]


def routes(house: House, people: People) -> list[Any]:
    """Handlers that work in this house."""
    nobody = resources.files(__package__).joinpath("nobody.png").read_bytes()

    @get("/api/v1/users/", may="account:read", answers=UserPage)
    async def page(
        *,
        text: Text = "",
        order_by: FromQuery[str] = "",
        direction: FromQuery[str] = "",
        page: FromQuery[int] = 1,
    ) -> JSONBytes:
        """A page of accounts, newest first unless asked. `order_by` may be `group_id:` and the id of a group."""
        asked = RollQuery(query=text, order_by=order_by, direction=direction, page=page)
        return json_reply(await people.page(asked))

    @get("/api/v1/users/all", may="account:read", answers=UserInfoList)
    async def everybody() -> JSONBytes:
        """Everybody, newest first."""
        return json_reply(await people.everybody())

    @get("/api/v1/users/search", answers=UserInfoList)
    async def search(
        request: Request,
        *,
        text: Text = "",
        order_by: FromQuery[str] = "",
        direction: FromQuery[str] = "",
        page: FromQuery[int] = 1,
    ) -> JSONBytes:
        """A page of people. Who may not see e-mail addresses cannot search or sort by them either."""
        asked = RollQuery(
            query=text,
            order_by=order_by,
            direction=direction,
            page=page,
            addresses=await people.sees_addresses(request.user),
        )
        return json_reply(await people.search(request.user, asked))

    @get("/api/v1/users/{user_id:str}", answers=KnownUser)
    async def one(request: Request, user_id: UserId) -> JSONBytes:
        """Somebody: whole to themselves and to whoever may read accounts, to others what a profile card shows.

        `shared-` and the id of a shared chat: the name and picture of whoever shares it.
        """
        return json_reply(await people.view(request.user, user_id))

    @get("/api/v1/users/{user_id:str}/active", answers=Active)
    async def is_active(user_id: UserId) -> JSONBytes:
        """Whether somebody was here within the last three minutes."""
        return json_reply(Active(await people.is_active(user_id)))

    @get("/api/v1/users/{user_id:str}/profile/image", responses=PICTURE_RESPONSES)
    async def picture(request: Request, user_id: UserId) -> JSONBytes:
        """Somebody's picture. One that lies elsewhere is not fetched, nor is anybody sent there."""
        found = bitmap(await people.picture_of(user_id))
        return picture_reply(request, found, nobody)

    return [page, everybody, search, one, is_active, picture]
