"""Who is in which group, and what that permits."""

from collections.abc import Sequence
from typing import Any

from portico import audit
from portico.db import after_commit, chunks, execute, fetch_all, now, placeholders, transaction
from portico.events import EventBus
from portico.identity.events import GroupChanged
from portico.identity.groups.group import Group, GroupMember, MembershipChange, NoSuchGroup
from portico.identity.groups.permission_tree import PermissionTree, parse_tree
from portico.identity.groups.permission_validation import check_may_grant, granted_permissions

#: Members on one page of a list.
PAGE_SIZE = 30
#: Pages beyond are empty anyway; a database counts no further than 64 bits.
MAX_PAGE = 2**32
#: What is done where no group is found, in the words of the refusal.
ADDING = "adding users to group"
REMOVING = "removing users from group"

GROUP = (
    "SELECT g.*, (SELECT COUNT(*) FROM portico_group_member m WHERE m.group_id = g.id) "
    "AS member_count FROM portico_group g"
)
_BY_ID = f"{GROUP} WHERE g.id = $1"
# Whoever changes the same group at the same time waits here, and then finds what the other one did.
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
    """The members of all groups. Lists of ids may name somebody twice; ids that are nobody's are passed over."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    async def find(self, group_id: str) -> Group | None:
        """The group of this id, if there is one."""
        found = [] if "\x00" in group_id else await fetch_all(_BY_ID, group_id)
        return Group(**found[0]) if found else None

    async def add_members(
        self, group_id: str, account_ids: Sequence[str], within: PermissionTree | None = None
    ) -> MembershipChange:
        """Let people into a group. Whoever is in it already stays.

        `within`: what the one who does it is permitted; None = everything. Raises: NoSuchGroup; Forbidden if
        membership would permit more than that.
        """
        async with transaction():
            group = await self.lock(group_id, ADDING)
            check_may_grant(granted_permissions(parse_tree(group.permissions)), within)
            return await self._change(group, account_ids, added=account_ids)

    async def remove_members(self, group_id: str, account_ids: Sequence[str]) -> MembershipChange:
        """Send people out of a group. Whoever is not in it stays out. Raises: NoSuchGroup."""
        async with transaction():
            group = await self.lock(group_id, REMOVING)
            return await self._change(group, account_ids, removed=account_ids)

    async def set_members(
        self, group_id: str, account_ids: Sequence[str], within: PermissionTree | None = None
    ) -> MembershipChange:
        """Have exactly these people in a group. Raises: as `add_members`."""
        async with transaction():
            group = await self.lock(group_id, ADDING)
            check_may_grant(granted_permissions(parse_tree(group.permissions)), within)
            surplus = set(await self.member_ids(group_id)) - set(account_ids)
            return await self._change(
                group, account_ids, added=account_ids, removed=sorted(surplus)
            )

    async def members(self, group_id: str, page: int | None = None) -> list[GroupMember]:
        """Who is in a group, by name: everybody, or the 30 of one page. A number below 1 means 1."""
        if "\x00" in group_id:
            return []
        if page is None:
            found = await fetch_all(_MEMBERS, group_id)
        else:
            skip = (min(max(page, 1), MAX_PAGE) - 1) * PAGE_SIZE
            found = await fetch_all(f"{_MEMBERS} LIMIT $2 OFFSET $3", group_id, PAGE_SIZE, skip)
        return [GroupMember(**one) for one in found]

    async def member_ids(self, group_id: str) -> list[str]:
        """Who is in a group. Shape: ids, in the order in which they came."""
        if "\x00" in group_id:
            return []
        return [found["account_id"] for found in await fetch_all(_MEMBER_IDS, group_id)]

    async def ids_of_account(self, account_id: str) -> list[str]:
        """The groups somebody is in. Shape: ids, sorted."""
        return [found["group_id"] for found in await fetch_all(_IDS, account_id)]

    async def permissions_of_account(self, account_id: str) -> tuple[str, ...]:
        """What somebody's groups grant. Shape: JSON text of each group that grants anything, in a fixed order."""
        return tuple(found["permissions"] for found in await fetch_all(_PERMISSIONS, account_id))

    async def lock(self, group_id: str, action: str) -> Group:
        """The group, which nobody else changes until the transaction ends. Raises: NoSuchGroup."""
        there = "\x00" not in group_id and await execute(_LOCK, group_id)
        group = await self.find(group_id) if there else None
        if group is None:
            raise NoSuchGroup(action)
        return group

    async def _change(
        self,
        group: Group,
        asked: Sequence[str],
        *,
        added: Sequence[str] = (),
        removed: Sequence[str] = (),
    ) -> MembershipChange:
        asked = list(dict.fromkeys(asked))
        there = {found["id"] for found in await _query_in_chunks(_ACCOUNT_IDS, _valid_ids(asked))}
        # What is noted is what came of the list, not the list.
        came = await _query_in_chunks(
            _ADD, [one for one in _valid_ids(added) if one in there], group.id, now()
        )
        went = await _query_in_chunks(_REMOVE, _valid_ids(removed), group.id)
        for what, found in (("members.added", came), ("members.removed", went)):
            ids = sorted(one["account_id"] for one in found)
            if ids:
                was, became = (None, ids) if found is came else (ids, None)
                await audit.record_change(what, "group", group.id, was, became)
        if came or went:
            await execute(_TOUCH, now(), group.id)
            after_commit(lambda: self._bus.publish(GroupChanged(group.id)))
        changed = await self.find(group.id)
        assert changed is not None  # its row is locked
        return MembershipChange(changed, tuple(one for one in asked if one not in there))


def _valid_ids(ids: Sequence[str]) -> list[str]:
    """Each id once, without those that no database can hold."""
    return [one for one in dict.fromkeys(ids) if "\x00" not in one]


async def _query_in_chunks(sql: str, ids: Sequence[str], *args: Any) -> list[dict[str, Any]]:
    """The rows of a statement about ids, in as many statements as it takes. `args` come before the ids."""
    found: list[dict[str, Any]] = []
    for some in chunks(ids):
        within = placeholders(len(some), first=len(args) + 1)
        found += await fetch_all(sql.format(within), *args, *some)
    return found
