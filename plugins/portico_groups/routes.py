"""The routes of groups. What they do is in `service.py`."""

import asyncio
from io import BytesIO
from typing import Annotated, Any

from litestar.params import FromQuery, JSONBody, PathParameter

from portico.api import (
    NO_STORE,
    House,
    JSONBytes,
    Request,
    delete,
    get,
    json_reply,
    post,
    query_flag,
)
from portico_groups.importing import import_for
from portico_groups.reading_import import GroupsBody, read_groups
from portico_groups.schemas import (
    ChangedGroup,
    GroupAnswer,
    ImportReport,
    MemberAnswer,
    MemberList,
    NewGroup,
)
from portico_groups.service import Groups

GroupId = Annotated[str, PathParameter(description="The group's id")]


def routes(app: House) -> list[Any]:
    """Handlers that work in this house."""
    groups = Groups(app)

    @get("/api/v1/groups", answers=list[GroupAnswer])
    async def listed(request: Request, share: FromQuery[str] = "") -> JSONBytes:
        """All groups for an administrator, the caller's own for others. `share`: those to share with, or the rest."""
        wanted = query_flag("share", share) if share else None
        return json_reply(await groups.listed(request.user, wanted))

    @post("/api/v1/groups/create", may="group:create", answers=GroupAnswer)
    async def create(request: Request, data: JSONBody[NewGroup]) -> JSONBytes:
        """Make a group."""
        return json_reply(await groups.create(request.user, data))

    @post(
        "/api/v1/groups/import",
        may="group:create",
        answers=list[ImportReport],
        reads_import=True,
    )
    async def bring(
        request: Request, data: JSONBody[GroupsBody], replace: FromQuery[str] = ""
    ) -> JSONBytes:
        """Make groups out of exported ones, in any form of export. `replace`: one whose id is there is changed."""
        given = await asyncio.to_thread(read_groups, BytesIO(await request.body()))
        is_replaced = query_flag("replace", replace)
        reports = await import_for(app, request.user, given, replace=is_replaced)
        return json_reply(reports, headers=[NO_STORE])

    @get("/api/v1/groups/id/{group_id:str}", may="group:read", answers=GroupAnswer)
    async def one(group_id: GroupId) -> JSONBytes:
        """One group."""
        return json_reply(await groups.get(group_id))

    @get("/api/v1/groups/id/{group_id:str}/export", may="group:read", answers=GroupAnswer)
    async def export(group_id: GroupId) -> JSONBytes:
        """One group with the ids of its members."""
        return json_reply(await groups.export(group_id), headers=[NO_STORE])

    @post("/api/v1/groups/id/{group_id:str}/update", may="group:write", answers=GroupAnswer)
    async def update(
        request: Request, group_id: GroupId, data: JSONBody[ChangedGroup]
    ) -> JSONBytes:
        """Change a group; what is null stays as it is."""
        return json_reply(await groups.update(request.user, group_id, data))

    @delete("/api/v1/groups/id/{group_id:str}/delete", may="group:delete", answers=bool)
    async def remove(group_id: GroupId) -> JSONBytes:
        """Delete a group. The answer is the same for one that is not there."""
        await groups.delete(group_id)
        return json_reply(True)

    return [listed, create, bring, one, export, update, remove, *_member_routes(groups)]


def _member_routes(groups: Groups) -> list[Any]:
    @post(
        "/api/v1/groups/id/{group_id:str}/users",
        may="group:read",
        reads=True,
        answers=list[MemberAnswer],
    )
    async def members(
        request: Request, group_id: GroupId, page: FromQuery[int | None] = None
    ) -> JSONBytes:
        """Who is in a group, by name; 30 a page, or all of them without a page."""
        return json_reply(await groups.members(request.user, group_id, page))

    @post("/api/v1/groups/id/{group_id:str}/users/add", may="group:write", answers=GroupAnswer)
    async def add_members(
        request: Request, group_id: GroupId, data: JSONBody[MemberList]
    ) -> JSONBytes:
        """Let people into a group. Whoever is in it already stays; unknown ids are passed over, and told."""
        return json_reply(await groups.add(request.user, group_id, data.user_ids or []))

    @post("/api/v1/groups/id/{group_id:str}/users/remove", may="group:write", answers=GroupAnswer)
    async def remove_members(group_id: GroupId, data: JSONBody[MemberList]) -> JSONBytes:
        """Send people out of a group."""
        return json_reply(await groups.remove(group_id, data.user_ids or []))

    return [members, add_members, remove_members]
