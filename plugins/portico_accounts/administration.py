"""Adding, changing and deleting people. The policies say who may."""

from typing import Annotated, Any

from litestar import Response
from litestar.params import FromQuery, JSONBody, PathParameter

from portico.api import JSONBytes, Request, delete, get, json_reply, post, query_flag
from portico_accounts.people import People, added
from portico_accounts.schemas import AccountForm, AddedAccount, NewAccount, SessionElsewhere, User

UserId = Annotated[str, PathParameter(description="The account's id")]
#: Bytes. A picture may come along.
FORM = 384 * 1024


def routes(people: People) -> list[Any]:
    """Handlers that work in this house."""

    @post("/api/v1/auths/add", may="account:create")
    async def add(request: Request, data: JSONBody[NewAccount]) -> Response[AddedAccount]:
        """Make an account for somebody."""
        return Response(added(await people.add(data, request.user)))

    @post("/api/v1/users/{user_id:str}/update", may="account:write", max_body=FORM, answers=User)
    async def update(request: Request, user_id: UserId, data: JSONBody[AccountForm]) -> JSONBytes:
        """Change an account. A lower role or another password ends its sessions."""
        return json_reply(await people.update(request.user, user_id, data))

    @delete("/api/v1/users/{user_id:str}", may="account:delete", answers=bool)
    async def remove(
        request: Request, user_id: UserId, delete_content: FromQuery[str] = ""
    ) -> JSONBytes:
        """Delete an account. What others still use of it goes to the caller, with `delete_content` away."""
        everything = query_flag("delete_content", delete_content)
        await people.delete(request.user, user_id, delete_content=everything)
        return json_reply(True)

    @get(
        "/api/v1/users/{user_id:str}/oauth/sessions",
        may="account:read",
        answers=list[SessionElsewhere],
    )
    async def oauth_sessions(user_id: UserId) -> JSONBytes:
        """Sign-ins of somebody that came by other providers, newest first, without what those gave."""
        return json_reply(await people.sessions_elsewhere(user_id))

    return [add, update, remove, oauth_sessions]
