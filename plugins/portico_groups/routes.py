"""The routes of groups, of their members and of permissions. What they do is in `service.py`."""

import asyncio
from io import BytesIO
from typing import Annotated, Any

from litestar.params import FromQuery, JSONBody, PathParameter

from portico.api.web import (
    NO_STORE,
    Controller,
    JSONResponse,
    Request,
    delete,
    get,
    json_response,
    parse_query_flag,
    post,
)
from portico_groups.import_reader import GroupsBody, read_groups
from portico_groups.schemas import (
    GroupAnswer,
    GroupChanges,
    GroupImportReport,
    MemberAnswer,
    MemberList,
    NewGroup,
)
from portico_groups.service import GroupService

GroupId = Annotated[str, PathParameter(description="Id of the group.")]
AccountId = Annotated[str, PathParameter(description="Id of the account.")]
Permissions = dict[str, dict[str, bool]]


class GroupRoutes(Controller):
    """`/api/v1/groups`: groups, their export and import."""

    plugin: GroupService

    @get("/api/v1/groups", response_type=list[GroupAnswer])
    async def list_groups(self, request: Request, share: FromQuery[str] = "") -> JSONResponse:
        """Return all groups to an administrator, and to other users the groups they are in.

        `share`: true = only groups that resources may be shared with, false = only the others.
        """
        shared = parse_query_flag("share", share) if share else None
        return json_response(await self.plugin.list_groups(request.user, shared))

    @post("/api/v1/groups/create", requires="group:create", response_type=GroupAnswer)
    async def create(self, request: Request, data: JSONBody[NewGroup]) -> JSONResponse:
        """Create a group without members."""
        return json_response(await self.plugin.create(request.user, data))

    @post(
        "/api/v1/groups/import",
        requires="group:create",
        response_type=list[GroupImportReport],
        reads_import=True,
    )
    async def import_groups(
        self, request: Request, data: JSONBody[GroupsBody], replace: FromQuery[str] = ""
    ) -> JSONResponse:
        """Import exported groups, in any format of export. `replace`: overwrite groups whose id exists."""
        groups = await asyncio.to_thread(read_groups, BytesIO(await request.body()))
        replaces = parse_query_flag("replace", replace)
        reports = await self.plugin.import_groups(request.user, groups, replace=replaces)
        return json_response(reports, headers=[NO_STORE])

    @get("/api/v1/groups/id/{group_id:str}", requires="group:read", response_type=GroupAnswer)
    async def get_group(self, group_id: GroupId) -> JSONResponse:
        """Return one group."""
        return json_response(await self.plugin.get(group_id))

    @get(
        "/api/v1/groups/id/{group_id:str}/export", requires="group:read", response_type=GroupAnswer
    )
    async def export(self, group_id: GroupId) -> JSONResponse:
        """Return one group with the ids of its members."""
        return json_response(await self.plugin.export(group_id), headers=[NO_STORE])

    @post(
        "/api/v1/groups/id/{group_id:str}/update", requires="group:write", response_type=GroupAnswer
    )
    async def update(
        self, request: Request, group_id: GroupId, data: JSONBody[GroupChanges]
    ) -> JSONResponse:
        """Change a group. Fields that are null stay as they are."""
        return json_response(await self.plugin.update(request.user, group_id, data))

    @delete("/api/v1/groups/id/{group_id:str}/delete", requires="group:delete", response_type=bool)
    async def delete_group(self, group_id: GroupId) -> JSONResponse:
        """Delete a group. The response is the same where there is none."""
        await self.plugin.delete(group_id)
        return json_response(True)


class MemberRoutes(Controller):
    """`/api/v1/groups/id/{id}/users`: the members of a group."""

    plugin: GroupService

    @post(
        "/api/v1/groups/id/{group_id:str}/users",
        requires="group:read",
        read_only=True,
        response_type=list[MemberAnswer],
    )
    async def list_members(
        self, request: Request, group_id: GroupId, page: FromQuery[int | None] = None
    ) -> JSONResponse:
        """Return the members by name: 30 per page, or all of them without a page."""
        return json_response(await self.plugin.members(request.user, group_id, page))

    @post(
        "/api/v1/groups/id/{group_id:str}/users/add",
        requires="group:write",
        response_type=GroupAnswer,
    )
    async def add_members(
        self, request: Request, group_id: GroupId, data: JSONBody[MemberList]
    ) -> JSONResponse:
        """Add accounts to a group. Unknown ids are ignored and listed in the response."""
        return json_response(await self.plugin.add(request.user, group_id, data.user_ids or []))

    @post(
        "/api/v1/groups/id/{group_id:str}/users/remove",
        requires="group:write",
        response_type=GroupAnswer,
    )
    async def remove_members(self, group_id: GroupId, data: JSONBody[MemberList]) -> JSONResponse:
        """Remove accounts from a group."""
        return json_response(await self.plugin.remove(group_id, data.user_ids or []))


class PermissionRoutes(Controller):
    """`/api/v1/users/…`: the groups of an account, its permissions, and the default permissions."""

    plugin: GroupService

    @get("/api/v1/users/groups", response_type=list[GroupAnswer])
    async def list_own_groups(self, request: Request) -> JSONResponse:
        """Return the groups that the caller is in."""
        return json_response(await self.plugin.groups_of(request.user.id))

    @get("/api/v1/users/permissions", response_type=Permissions)
    async def get_own_permissions(self, request: Request) -> JSONResponse:
        """Return the caller's permissions: the defaults, and what groups add."""
        return json_response(await self.plugin.permissions_of(request.user))

    @get(
        "/api/v1/users/default/permissions",
        requires="default_permissions:read",
        response_type=Permissions,
    )
    async def get_default_permissions(self) -> JSONResponse:
        """Return the permissions that all users have."""
        return json_response(await self.plugin.default_permissions())

    @post(
        "/api/v1/users/default/permissions",
        requires="default_permissions:write",
        response_type=Permissions,
    )
    async def change_default_permissions(
        self, request: Request, data: JSONBody[dict[str, Any]]
    ) -> JSONResponse:
        """Change the permissions that all users have, and return them.

        Permissions that the operator has pinned to another value are refused.
        """
        return json_response(await self.plugin.change_default_permissions(request.user, data))

    @get(
        "/api/v1/users/{user_id:str}/groups", requires="group:read", response_type=list[GroupAnswer]
    )
    async def list_groups_of_user(self, user_id: AccountId) -> JSONResponse:
        """Return the groups that an account is in."""
        return json_response(await self.plugin.groups_of_existing(user_id))
