"""The routes of groups. What they do is in `service.py`."""

import asyncio
from io import BytesIO
from typing import Annotated, Any

from litestar.params import FromQuery, JSONBody, PathParameter

from portico.api import (
    NO_STORE,
    AppContext,
    JSONResponse,
    Request,
    delete,
    get,
    json_response,
    parse_query_flag,
    post,
)
from portico_groups.import_reader import GroupsBody, read_groups
from portico_groups.importer import import_for
from portico_groups.schemas import (
    GroupAnswer,
    GroupChanges,
    ImportReport,
    MemberAnswer,
    MemberList,
    NewGroup,
)
from portico_groups.service import GroupService

GroupId = Annotated[str, PathParameter(description="The group's id")]


def routes(app: AppContext) -> list[Any]:
    """Handlers that work in this house."""
    groups = GroupService(app)

    @get("/api/v1/groups", response_type=list[GroupAnswer])
    async def listed(request: Request, share: FromQuery[str] = "") -> JSONResponse:
        """All groups for an administrator, the caller's own for others. `share`: those to share with, or the rest."""
        wanted = parse_query_flag("share", share) if share else None
        return json_response(await groups.listed(request.user, wanted))

    @post("/api/v1/groups/create", requires="group:create", response_type=GroupAnswer)
    async def create(request: Request, data: JSONBody[NewGroup]) -> JSONResponse:
        """Make a group."""
        return json_response(await groups.create(request.user, data))

    @post(
        "/api/v1/groups/import",
        requires="group:create",
        response_type=list[ImportReport],
        reads_import=True,
    )
    async def bring(
        request: Request, data: JSONBody[GroupsBody], replace: FromQuery[str] = ""
    ) -> JSONResponse:
        """Make groups out of exported ones, in any form of export. `replace`: one whose id is there is changed."""
        given = await asyncio.to_thread(read_groups, BytesIO(await request.body()))
        is_replaced = parse_query_flag("replace", replace)
        reports = await import_for(app, request.user, given, replace=is_replaced)
        return json_response(reports, headers=[NO_STORE])

    @get("/api/v1/groups/id/{group_id:str}", requires="group:read", response_type=GroupAnswer)
    async def one(group_id: GroupId) -> JSONResponse:
        """One group."""
        return json_response(await groups.get(group_id))

    @get(
        "/api/v1/groups/id/{group_id:str}/export", requires="group:read", response_type=GroupAnswer
    )
    async def export(group_id: GroupId) -> JSONResponse:
        """One group with the ids of its members."""
        return json_response(await groups.export(group_id), headers=[NO_STORE])

    @post(
        "/api/v1/groups/id/{group_id:str}/update", requires="group:write", response_type=GroupAnswer
    )
    async def update(
        request: Request, group_id: GroupId, data: JSONBody[GroupChanges]
    ) -> JSONResponse:
        """Change a group; what is null stays as it is."""
        return json_response(await groups.update(request.user, group_id, data))

    @delete("/api/v1/groups/id/{group_id:str}/delete", requires="group:delete", response_type=bool)
    async def remove(group_id: GroupId) -> JSONResponse:
        """Delete a group. The answer is the same for one that is not there."""
        await groups.delete(group_id)
        return json_response(True)

    return [listed, create, bring, one, export, update, remove, *_member_routes(groups)]


def _member_routes(groups: GroupService) -> list[Any]:
    @post(
        "/api/v1/groups/id/{group_id:str}/users",
        requires="group:read",
        read_only=True,
        response_type=list[MemberAnswer],
    )
    async def members(
        request: Request, group_id: GroupId, page: FromQuery[int | None] = None
    ) -> JSONResponse:
        """Who is in a group, by name; 30 a page, or all of them without a page."""
        return json_response(await groups.members(request.user, group_id, page))

    @post(
        "/api/v1/groups/id/{group_id:str}/users/add",
        requires="group:write",
        response_type=GroupAnswer,
    )
    async def add_members(
        request: Request, group_id: GroupId, data: JSONBody[MemberList]
    ) -> JSONResponse:
        """Let people into a group. Whoever is in it already stays; unknown ids are passed over, and told."""
        return json_response(await groups.add(request.user, group_id, data.user_ids or []))

    @post(
        "/api/v1/groups/id/{group_id:str}/users/remove",
        requires="group:write",
        response_type=GroupAnswer,
    )
    async def remove_members(group_id: GroupId, data: JSONBody[MemberList]) -> JSONResponse:
        """Send people out of a group."""
        return json_response(await groups.remove(group_id, data.user_ids or []))

    return [members, add_members, remove_members]
