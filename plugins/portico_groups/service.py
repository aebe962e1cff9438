"""What may be done with groups, and by whom. No HTTP, and no SQL: identity keeps the rows."""

from collections.abc import Sequence
from typing import Any

import msgspec

from portico.api import Actor, AppContext, Group, MembershipChange, NotFound, PermissionTree
from portico_groups.schemas import GroupAnswer, GroupChanges, MemberAnswer, NewGroup

KIND = "group"


class GroupService:
    """The groups of a house."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._accounts, self._groups = app.identity.accounts, app.identity.groups

    async def listed(self, actor: Actor, share: bool | None = None) -> list[GroupAnswer]:
        """All groups for those who may read them, else the caller's own; the last changed first.

        `share`: only groups that things may be shared with, or only the others; None = both.
        """
        reads_all = await self._app.permissions.allows_on_collection(actor, KIND, "read")
        if reads_all:
            found = await self._groups.all()
        else:
            found = await self._groups.of_account(actor.id)
        answers = [describe(group) for group in found]
        if share is None:
            return answers
        own = {one.id for one in found}
        if reads_all:
            own = {one.id for one in await self._groups.of_account(actor.id)}
        return [one for one in answers if _is_shared(one, is_own=one.id in own) is share]

    async def of(self, account_id: str) -> list[GroupAnswer]:
        """The groups somebody is in."""
        return [
            describe(group, counted=False) for group in await self._groups.of_account(account_id)
        ]

    async def of_another(self, account_id: str) -> list[GroupAnswer]:
        """The groups somebody else is in. Raises: NotFound if there is no such account."""
        await self._accounts.by_id(account_id)
        return await self.of(account_id)

    async def get(self, group_id: str) -> GroupAnswer:
        """One group. Raises: NotFound."""
        return describe(await self._group(group_id))

    async def export(self, group_id: str) -> GroupAnswer:
        """One group with the ids of its members. Raises: NotFound."""
        answer = describe(await self._group(group_id))
        answer.user_ids = await self._groups.member_ids(group_id)
        return answer

    async def members(
        self, actor: Actor, group_id: str, page: int | None = None
    ) -> list[MemberAnswer]:
        """Who is in a group, by name; 30 a page, or all of them without a page. Raises: NotFound."""
        await self._group(group_id)
        members = await self._groups.members(group_id, page)
        may_see = actor.is_admin or await self._app.permissions.allows_on_collection(
            actor, "account", "read"
        )
        answers = [msgspec.convert(one, MemberAnswer, from_attributes=True) for one in members]
        for answer in answers:
            if not may_see and answer.id != actor.id:
                answer.email = ""
        return answers

    async def create(self, actor: Actor, form: NewGroup) -> GroupAnswer:
        """A new group without members. Raises: Misshapen, Invalid, Forbidden."""
        group = await self._groups.create(
            name=form.name,
            description=form.description,
            by=actor.id,
            permissions=form.permissions,
            data=form.data,
            within=await grantable_permissions(self._app, actor),
        )
        return describe(group)

    async def update(self, actor: Actor, group_id: str, form: GroupChanges) -> GroupAnswer:
        """Change a group. Raises: Misshapen, Invalid, Forbidden."""
        group = await self._groups.update(
            group_id,
            name=form.name,
            description=form.description,
            permissions=form.permissions,
            data=form.data,
            within=await grantable_permissions(self._app, actor),
        )
        return describe(group)

    async def add(self, actor: Actor, group_id: str, account_ids: Sequence[str]) -> GroupAnswer:
        """Let people into a group. Raises: Invalid for an unknown group; Forbidden."""
        within = await grantable_permissions(self._app, actor)
        return _changed(await self._groups.add_members(group_id, account_ids, within))

    async def remove(self, group_id: str, account_ids: Sequence[str]) -> GroupAnswer:
        """Send people out of a group. Raises: Invalid for an unknown group."""
        return _changed(await self._groups.remove_members(group_id, account_ids))

    async def delete(self, group_id: str) -> None:
        """Delete a group; one that is not there is deleted already."""
        await self._groups.delete(group_id)

    async def _group(self, group_id: str) -> Group:
        group = await self._groups.find(group_id)
        if group is None:
            raise NotFound
        return group


async def grantable_permissions(app: AppContext, actor: Actor) -> PermissionTree | None:
    """What somebody may give to others: an administrator everything (None), anybody else what they have."""
    return None if actor.is_admin else await app.identity.permissions_of(actor.id)


def describe(group: Group, *, counted: bool = True) -> GroupAnswer:
    """A group as clients know it. A JSON text that is damaged is shown as none."""
    answer = GroupAnswer(
        id=group.id,
        user_id=group.account_id,
        name=group.name,
        description=group.description,
        data=_read(group.data),
        meta=_read(group.meta),
        permissions=_read(group.permissions),
        created_at=group.created_at,
        updated_at=group.updated_at,
    )
    if counted:
        answer.member_count = group.member_count
    return answer


def _changed(membership: MembershipChange) -> GroupAnswer:
    answer = describe(membership.group)
    if membership.ignored:
        answer.ignored = list(membership.ignored)
    return answer


def _is_shared(group: GroupAnswer, *, is_own: bool) -> bool:
    """Whether things may be shared with a group: unless its `data.config.share` says no, or `members` only.

    What else `share` may be is not understood, and so is a no.
    """
    config = (group.data or {}).get("config")
    share = config.get("share") if isinstance(config, dict) else None
    return share is None or share is True or (share == "members" and is_own)


def _read(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return None
