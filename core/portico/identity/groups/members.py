"""Members of groups, and the permissions that membership grants."""

from collections.abc import Sequence
from typing import Any

from portico import audit
from portico.db import (
    after_commit,
    chunks,
    execute,
    fetch_all,
    now,
    page_offset,
    placeholders,
    transaction,
)
from portico.events import EventBus
from portico.identity.groups.events import GroupChanged
from portico.identity.groups.group import Group, GroupMember, MembershipChange, NoSuchGroup
from portico.identity.groups.permission_tree import PermissionTree, parse_tree
from portico.identity.groups.permission_validation import check_may_grant, granted_permissions

PAGE_SIZE = 30
#: The end of the error text if no group is found.
ADDING = "adding users to group"
REMOVING = "removing users from group"

GROUP = (
    "SELECT g.*, (SELECT COUNT(*) FROM portico_group_member m WHERE m.group_id = g.id) "
    "AS member_count FROM portico_group g"
)
_BY_ID = f"{GROUP} WHERE g.id = $1"
# Locks the row: a concurrent change of the group waits here and then sees the result.
_LOCK = "UPDATE portico_group SET name = name WHERE id = $1"
_ADD = (
    "INSERT INTO portico_group_member (group_id, account_id, created_at) "
    "SELECT CAST($1 AS TEXT), a.id, CAST($2 AS BIGINT) FROM portico_account a WHERE a.id IN ({}) "
    "ON CONFLICT DO NOTHING RETURNING account_id"
)
_REMOVE = (
    "DELETE FROM portico_group_member WHERE group_id = $1 AND account_id IN ({}) "
    "RETURNING account_id"
)
_ACCOUNT_IDS = "SELECT id FROM portico_account WHERE id IN ({})"
_TOUCH = "UPDATE portico_group SET updated_at = $1 WHERE id = $2"
_IDS = "SELECT group_id FROM portico_group_member WHERE account_id = $1 ORDER BY group_id"
_IDS_OF_ACCOUNTS = (
    "SELECT account_id, group_id FROM portico_group_member WHERE account_id IN ({}) "
    "ORDER BY account_id, group_id"
)
_MEMBER_IDS = (
    "SELECT account_id FROM portico_group_member WHERE group_id = $1 "
    "ORDER BY created_at, account_id"
)
_MEMBERS = (
    "SELECT a.id, a.name, a.email, a.role, a.status_emoji, a.status_message, a.status_expires_at "
    "FROM portico_group_member m JOIN portico_account a ON a.id = m.account_id "
    "WHERE m.group_id = $1 ORDER BY a.name, a.id"
)
_PERMISSIONS = (
    "SELECT g.permissions FROM portico_group_member m JOIN portico_group g ON g.id = m.group_id "
    "WHERE m.account_id = $1 AND g.permissions IS NOT NULL ORDER BY g.id"
)


class GroupMembership:
    """Stores memberships. Lists of ids may contain duplicates; ids that belong to no account are ignored."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    async def find(self, group_id: str) -> Group | None:
        """Return the group with this id, or None."""
        rows = [] if "\x00" in group_id else await fetch_all(_BY_ID, group_id)
        return Group(**rows[0]) if rows else None

    async def add_members(
        self, group_id: str, account_ids: Sequence[str], within: PermissionTree | None = None
    ) -> MembershipChange:
        """Add accounts to a group. Existing members stay.

        `within`: the permission tree of the account that makes the change; None = no limit. Raises: NoSuchGroup;
        Forbidden if membership grants more than that.
        """
        async with transaction():
            group = await self.lock(group_id, ADDING)
            check_may_grant(granted_permissions(parse_tree(group.permissions)), within)
            return await self._change(group, account_ids, added=account_ids)

    async def remove_members(self, group_id: str, account_ids: Sequence[str]) -> MembershipChange:
        """Remove accounts from a group. Raises: NoSuchGroup."""
        async with transaction():
            group = await self.lock(group_id, REMOVING)
            return await self._change(group, account_ids, removed=account_ids)

    async def set_members(
        self, group_id: str, account_ids: Sequence[str], within: PermissionTree | None = None
    ) -> MembershipChange:
        """Make exactly these accounts the members of a group. Raises: as `add_members`."""
        async with transaction():
            group = await self.lock(group_id, ADDING)
            check_may_grant(granted_permissions(parse_tree(group.permissions)), within)
            surplus = set(await self.member_ids(group_id)) - set(account_ids)
            return await self._change(
                group, account_ids, added=account_ids, removed=sorted(surplus)
            )

    async def members(self, group_id: str, page: int | None = None) -> list[GroupMember]:
        """Return the members of a group sorted by name: all, or one page of 30. A page below 1 means 1."""
        if "\x00" in group_id:
            return []
        if page is None:
            rows = await fetch_all(_MEMBERS, group_id)
        else:
            skip = page_offset(page, PAGE_SIZE)
            rows = await fetch_all(f"{_MEMBERS} LIMIT $2 OFFSET $3", group_id, PAGE_SIZE, skip)
        return [GroupMember(**row) for row in rows]

    async def member_ids(self, group_id: str) -> list[str]:
        """Return the ids of the members in the order in which they were added."""
        if "\x00" in group_id:
            return []
        return [row["account_id"] for row in await fetch_all(_MEMBER_IDS, group_id)]

    async def ids_of_account(self, account_id: str) -> list[str]:
        """Return the sorted ids of the groups of an account."""
        return [row["group_id"] for row in await fetch_all(_IDS, account_id)]

    async def ids_of_accounts(self, account_ids: Sequence[str]) -> dict[str, list[str]]:
        """Return the sorted ids of the groups of each account that is in one."""
        found: dict[str, list[str]] = {}
        for row in await _query_in_chunks(_IDS_OF_ACCOUNTS, account_ids):
            found.setdefault(row["account_id"], []).append(row["group_id"])
        return found

    async def permissions_of_account(self, account_id: str) -> tuple[str, ...]:
        """Return the permissions of the groups of an account. Shape: JSON text of each group that has any, in a fixed order."""
        return tuple(row["permissions"] for row in await fetch_all(_PERMISSIONS, account_id))

    async def lock(self, group_id: str, action: str) -> Group:
        """Return the group and lock it until the transaction ends. Raises: NoSuchGroup."""
        locked = "\x00" not in group_id and await execute(_LOCK, group_id)
        group = await self.find(group_id) if locked else None
        if group is None:
            raise NoSuchGroup(action)
        return group

    async def _change(
        self,
        group: Group,
        requested: Sequence[str],
        *,
        added: Sequence[str] = (),
        removed: Sequence[str] = (),
    ) -> MembershipChange:
        requested = list(dict.fromkeys(requested))
        existing = {
            row["id"] for row in await _query_in_chunks(_ACCOUNT_IDS, _valid_ids(requested))
        }
        # The audit log records the actual changes, not the request.
        joined = await _query_in_chunks(
            _ADD,
            [account_id for account_id in _valid_ids(added) if account_id in existing],
            group.id,
            now(),
        )
        left = await _query_in_chunks(_REMOVE, _valid_ids(removed), group.id)
        for event, rows in (("members.added", joined), ("members.removed", left)):
            ids = sorted(row["account_id"] for row in rows)
            if ids:
                old, new = (None, ids) if rows is joined else (ids, None)
                await audit.record_change(event, "group", group.id, old, new)
        if joined or left:
            await execute(_TOUCH, now(), group.id)
            after_commit(lambda: self._bus.publish(GroupChanged(group.id)))
        changed = await self.find(group.id)
        assert changed is not None  # its row is locked
        return MembershipChange(
            changed, tuple(account_id for account_id in requested if account_id not in existing)
        )


def _valid_ids(ids: Sequence[str]) -> list[str]:
    """Return each id once, without those that a database cannot store."""
    return [id_ for id_ in dict.fromkeys(ids) if "\x00" not in id_]


async def _query_in_chunks(sql: str, ids: Sequence[str], *args: Any) -> list[dict[str, Any]]:
    """Return the rows of a statement about ids, split into several statements. `args` come before the ids."""
    rows: list[dict[str, Any]] = []
    for batch in chunks(ids):
        within = placeholders(len(batch), first=len(args) + 1)
        rows += await fetch_all(sql.format(within), *args, *batch)
    return rows
