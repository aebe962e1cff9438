"""What `/api/v1/users` says of groups and permissions: one's own, somebody's, and everybody's by default."""

from typing import Annotated, Any

from litestar.params import JSONBody, PathParameter

from portico.api import AppContext, JSONResponse, Request, get, json_response, post
from portico_groups.schemas import GroupAnswer
from portico_groups.service import GroupService, grantable_permissions

Tree = dict[str, dict[str, bool]]


def permission_routes(app: AppContext) -> list[Any]:
    """Handlers that work in this house."""
    groups = GroupService(app)
    identity = app.identity

    @get("/api/v1/users/groups", response_type=list[GroupAnswer])
    async def own_groups(request: Request) -> JSONResponse:
        """The groups the caller is in."""
        return json_response(await groups.of(request.user.id))

    @get("/api/v1/users/permissions", response_type=Tree)
    async def own_permissions(request: Request) -> JSONResponse:
        """What the caller may do: the defaults, and what groups add."""
        return json_response(await identity.permissions_of(request.user.id))

    @get("/api/v1/users/default/permissions", requires="permission:read", response_type=Tree)
    async def defaults() -> JSONResponse:
        """What everybody may do."""
        return json_response(await identity.defaults.tree())

    @post("/api/v1/users/default/permissions", requires="permission:write", response_type=Tree)
    async def change_defaults(request: Request, data: JSONBody[dict[str, Any]]) -> JSONResponse:
        """Change what everybody may do. Answers with what is in force now; refused for what the operator has set otherwise."""
        actor = request.user
        return json_response(
            await identity.defaults.change(data, actor.id, await grantable_permissions(app, actor))
        )

    @get(
        "/api/v1/users/{user_id:str}/groups", requires="group:read", response_type=list[GroupAnswer]
    )
    async def groups_of(
        user_id: Annotated[str, PathParameter(description="The account's id")],
    ) -> JSONResponse:
        """The groups somebody is in."""
        return json_response(await groups.of_another(user_id))

    return [own_groups, own_permissions, defaults, change_defaults, groups_of]
