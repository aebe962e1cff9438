"""Create, find, change and delete groups. Each change is recorded in the audit log in the same transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from portico import audit
from portico.db import (
    UniqueViolation,
    after_commit,
    execute,
    fetch_all,
    hold_rows,
    new_id,
    now,
    transaction,
)
from portico.errors import InvalidRequest, NotFound
from portico.identity.accounts.account import check_name
from portico.identity.accounts.events import AccountDeleting
from portico.identity.groups.events import GroupChanged, GroupDeleting
from portico.identity.groups.group import (
    Group,
    NoSuchGroup,
    as_json,
    check_group_data,
    check_group_description,
)
from portico.identity.groups.members import GROUP, GroupMembership
from portico.identity.groups.permission_tree import PermissionTree, parse_tree
from portico.identity.groups.permission_validation import (
    check_may_grant,
    check_permissions,
    granted_permissions,
)

#: The end of the error text if no group is found.
CREATING = "creating group"
UPDATING = "updating group"
DELETING = "deleting group"
BODY: tuple[str | int, ...] = ("body",)

_INSERT = (
    "INSERT INTO portico_group "
    "(id, account_id, name, description, data, permissions, created_at, updated_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $7)"
)
_UPDATE = (
    "UPDATE portico_group SET name = $2, description = $3, data = $4, permissions = $5, "
    "updated_at = $6 WHERE id = $1"
)
_DELETE = "DELETE FROM portico_group WHERE id = $1"
_ALL = f"{GROUP} ORDER BY g.updated_at DESC, g.id DESC"
_OF = (
    f"{GROUP} JOIN portico_group_member me ON me.group_id = g.id WHERE me.account_id = $1 "
    "ORDER BY g.updated_at DESC, g.id DESC"
)
_OWNED_BY = "SELECT id FROM portico_group WHERE account_id = $1 ORDER BY id"
_SET_OWNER = "UPDATE portico_group SET account_id = $1 WHERE account_id = $2"


class Groups(GroupMembership):
    """Stores groups and their members.

    `within`: the permission tree of the account that makes a change. Forbidden is raised if the change grants more;
    None = no limit.
    """

    async def all(self) -> list[Group]:
        """Return all groups, last changed first."""
        return [Group(**row) for row in await fetch_all(_ALL)]

    async def of_account(self, account_id: str) -> list[Group]:
        """Return the groups of an account, last changed first."""
        return [Group(**row) for row in await fetch_all(_OF, account_id)]

    async def existing_ids(self, group_ids: Sequence[str]) -> set[str]:
        """Return those of these ids that belong to a group."""
        return await hold_rows("portico_group", group_ids)

    async def create(
        self,
        *,
        name: str,
        description: str,
        by: str,
        permissions: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        group_id: str | None = None,
        within: PermissionTree | None = None,
        at: Sequence[str | int] = BODY,
    ) -> Group:
        """Create a group without members. Names need not be unique.

        `by`: the owner; empty = the command line. `group_id` None = a new id. `at`: location of the group in the
        request, for errors. Raises: ValidationError for invalid permissions; InvalidRequest for a value that is too long
        or an id that is taken; Forbidden; NotFound if there is no account `by`.
        """
        group_id = group_id or new_id()
        if permissions is not None:
            check_permissions(permissions, [*at, "permissions"])
        check_may_grant(granted_permissions(permissions), within)
        name, description = check_name(name), check_group_description(description)
        values = (name, description, check_group_data("data", data), as_json(permissions))
        try:
            async with transaction():
                if by and not await hold_rows("portico_account", [by]):
                    raise NotFound
                await execute(_INSERT, group_id, by, *values, now())
                values_now = {"name": name, "description": description, "permissions": permissions}
                await audit.record_change("group.created", "group", group_id, new=values_now)
                after_commit(lambda: self._bus.publish(GroupChanged(group_id)))
                created = await self.find(group_id)
        except UniqueViolation:
            created = None
        if created is None:
            raise InvalidRequest(f"[ERROR: Error {CREATING}]")
        return created

    async def update(
        self,
        group_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        permissions: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        within: PermissionTree | None = None,
        at: Sequence[str | int] = BODY,
    ) -> Group:
        """Change a group; None = unchanged. `permissions` and `data` are replaced as a whole.

        Raises: NoSuchGroup; and as `create`. `within` limits newly granted permissions only; unchanged values are not
        validated again.
        """
        async with transaction():
            old = await self.lock(group_id, UPDATING)
            if permissions is not None and as_json(permissions) != as_json(
                parse_tree(old.permissions)
            ):
                check_permissions(permissions, [*at, "permissions"])
            check_may_grant(
                granted_permissions(permissions) - granted_permissions(parse_tree(old.permissions)),
                within,
            )
            new_name, new_text, new_data = old.name, old.description, old.data
            if name not in (None, old.name):
                new_name = check_name(name)
            if description not in (None, old.description):
                new_text = check_group_description(description)
            if data is not None and as_json(data) != as_json(parse_tree(old.data)):
                new_data = check_group_data("data", data)
            grants = old.permissions if permissions is None else as_json(permissions)
            await execute(_UPDATE, group_id, new_name, new_text, new_data, grants, now())
            after_commit(lambda: self._bus.publish(GroupChanged(group_id)))
            group = await self.lock(group_id, UPDATING)
            before, after = _audit_view(old), _audit_view(group)
            if old.data != group.data:
                before["data"], after["data"] = parse_tree(old.data), parse_tree(group.data)
            if before != after:
                await audit.record_change("group.changed", "group", group_id, before, after)
        return group

    async def delete(self, group_id: str) -> bool:
        """Delete a group and all grants to it, in all plugins. Returns whether it existed."""
        async with transaction():
            try:
                group = await self.lock(group_id, DELETING)
            except NoSuchGroup:
                return False
            await self._bus.publish_in_transaction(GroupDeleting(group_id))
            await execute(_DELETE, group_id)
            old = _audit_view(group) | {"members": group.member_count}
            await audit.record_change("group.deleted", "group", group_id, old)
            after_commit(lambda: self._bus.publish(GroupChanged(group_id)))
        return True

    async def on_account_deleting(self, event: AccountDeleting) -> None:
        """Transfer the groups of an account to the new owner, or delete them. Called inside the transaction."""
        if event.new_owner_id is not None:
            await execute(_SET_OWNER, event.new_owner_id, event.id)
            return
        for owned in await fetch_all(_OWNED_BY, event.id):
            await self.delete(owned["id"])


def _audit_view(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "description": group.description,
        "permissions": parse_tree(group.permissions),
    }
