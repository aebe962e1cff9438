"""What `/api/v1/users` says of groups and permissions: one's own, somebody's, and everybody's by default."""

from typing import Annotated, Any

from litestar.params import JSONBody, PathParameter

from portico.api import House, JSONBytes, Request, get, json_reply, post
from portico_groups.schemas import GroupAnswer
from portico_groups.service import Groups, limit

Tree = dict[str, dict[str, bool]]


def permission_routes(app: House) -> list[Any]:
    """Handlers that work in this house."""
    groups = Groups(app)
    identity = app.identity

    @get("/api/v1/users/groups", answers=list[GroupAnswer])
    async def own_groups(request: Request) -> JSONBytes:
        """The groups the caller is in."""
        return json_reply(await groups.of(request.user.id))

    @get("/api/v1/users/permissions", answers=Tree)
    async def own_permissions(request: Request) -> JSONBytes:
        """What the caller may do: the defaults, and what groups add."""
        return json_reply(await identity.permissions_of(request.user.id))

    @get("/api/v1/users/default/permissions", may="permission:read", answers=Tree)
    async def defaults() -> JSONBytes:
        """What everybody may do."""
        return json_reply(await identity.defaults.tree())

    @post("/api/v1/users/default/permissions", may="permission:write", answers=Tree)
    async def change_defaults(request: Request, data: JSONBody[dict[str, Any]]) -> JSONBytes:
        """Change what everybody may do. Answers with what is in force now; refused for what the operator has set otherwise."""
        actor = request.user
        return json_reply(await identity.defaults.change(data, actor.id, await limit(app, actor)))

    @get("/api/v1/users/{user_id:str}/groups", may="group:read", answers=list[GroupAnswer])
    async def groups_of(
        user_id: Annotated[str, PathParameter(description="The account's id")],
    ) -> JSONBytes:
        """The groups somebody is in."""
        return json_reply(await groups.of_another(user_id))

    return [own_groups, own_permissions, defaults, change_defaults, groups_of]
