"""Groups and their members, and default permissions, as far as the caller may see and change them.

No HTTP, and no SQL: the core stores groups, since every request asks what the caller's groups grant.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from portico.api import AppContext, Forbidden, NotFound
from portico.api.auth import Actor, Group, MembershipChange, PermissionTree
from portico_groups.importer import GroupImport
from portico_groups.schemas import (
    GroupAnswer,
    GroupChanges,
    GroupImportReport,
    ImportedGroup,
    MemberAnswer,
    NewGroup,
)

KIND = "group"


class GroupService:
    """Everything that routes and commands do with groups."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._accounts, self._groups = app.identity.accounts, app.identity.groups

    async def list_groups(self, actor: Actor, share: bool | None = None) -> list[GroupAnswer]:
        """Return all groups if the actor may read them, else the actor's own; the last changed first.

        `share`: True = only groups that resources may be shared with, False = only the others, None = both.
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

    async def groups_of(self, account_id: str) -> list[GroupAnswer]:
        """Return the groups that an account is in."""
        return [
            describe(group, counted=False) for group in await self._groups.of_account(account_id)
        ]

    async def groups_of_existing(self, account_id: str) -> list[GroupAnswer]:
        """Return the groups that an account is in. Raises: NotFound if there is no such account."""
        await self._accounts.by_id(account_id)
        return await self.groups_of(account_id)

    async def get(self, group_id: str) -> GroupAnswer:
        """Return one group. Raises: NotFound."""
        return describe(await self._group(group_id))

    async def export(self, group_id: str) -> GroupAnswer:
        """Return one group with the ids of its members. Raises: NotFound."""
        answer = describe(await self._group(group_id))
        answer.user_ids = await self._groups.member_ids(group_id)
        return answer

    async def members(
        self, actor: Actor, group_id: str, page: int | None = None
    ) -> list[MemberAnswer]:
        """Return the members by name: 30 per page, or all of them without a page. Raises: NotFound."""
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
        """Create a group without members. Raises: ValidationError, InvalidRequest, Forbidden."""
        group = await self._groups.create(
            name=form.name,
            description=form.description,
            by=actor.id,
            permissions=form.permissions,
            data=form.data,
            within=await self._grantable(actor),
        )
        return describe(group)

    async def update(self, actor: Actor, group_id: str, form: GroupChanges) -> GroupAnswer:
        """Change a group. Raises: ValidationError, InvalidRequest, Forbidden."""
        group = await self._groups.update(
            group_id,
            name=form.name,
            description=form.description,
            permissions=form.permissions,
            data=form.data,
            within=await self._grantable(actor),
        )
        return describe(group)

    async def add(self, actor: Actor, group_id: str, account_ids: Sequence[str]) -> GroupAnswer:
        """Add members. Raises: InvalidRequest for an unknown group; Forbidden."""
        within = await self._grantable(actor)
        return _changed(await self._groups.add_members(group_id, account_ids, within))

    async def remove(self, group_id: str, account_ids: Sequence[str]) -> GroupAnswer:
        """Remove members. Raises: InvalidRequest for an unknown group."""
        return _changed(await self._groups.remove_members(group_id, account_ids))

    async def delete(self, group_id: str) -> None:
        """Delete a group. Does nothing where there is none."""
        await self._groups.delete(group_id)

    async def import_groups(
        self, actor: Actor, groups: Sequence[ImportedGroup], *, replace: bool
    ) -> list[GroupImportReport]:
        """Import groups on behalf of `actor`. Raises: as `GroupImport.run`; Forbidden."""
        # To set the members of a group is to write it.
        needs_write = replace or any(one.user_ids for one in groups)
        permissions = self._app.permissions
        if needs_write and not await permissions.allows_on_collection(actor, KIND, "write"):
            raise Forbidden
        within = await self._grantable(actor)
        return await GroupImport(self._app, by=actor.id, replace=replace, within=within).run(groups)

    async def permissions_of(self, actor: Actor) -> PermissionTree:
        """Return the actor's permissions: the defaults, and what groups add."""
        return await self._app.identity.permissions_of(actor.id)

    async def default_permissions(self) -> PermissionTree:
        """Return the permissions that all users have."""
        return await self._app.identity.defaults.tree()

    async def change_default_permissions(
        self, actor: Actor, changes: dict[str, Any]
    ) -> PermissionTree:
        """Change the default permissions and return them.

        Raises: ValidationError; Forbidden for more than the actor has, and for pinned permissions.
        """
        within = await self._grantable(actor)
        return await self._app.identity.defaults.change(changes, actor.id, within)

    async def _grantable(self, actor: Actor) -> PermissionTree | None:
        """Return what the actor may grant: None = everything, to administrators; else what they have."""
        return None if actor.is_admin else await self.permissions_of(actor)

    async def _group(self, group_id: str) -> Group:
        group = await self._groups.find(group_id)
        if group is None:
            raise NotFound
        return group


def describe(group: Group, *, counted: bool = True) -> GroupAnswer:
    """Return a group in the form of the API. Stored JSON that cannot be read becomes null."""
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
    """Return whether resources may be shared with a group, by its `data.config.share`.

    Absent or true = yes; `members` = by its members; any other value = no.
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
