"""Groups: who is in them, and what membership permits."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from portico.db import after_commit, execute, new_id, now, rows, transaction
from portico.errors import Invalid
from portico.events import Bus
from portico.identity.account import check_name
from portico.identity.events import GroupChanged

#: Ids in one statement; databases take a limited number of values.
CHUNK = 500
LONGEST_DESCRIPTION = 4096

_INSERT = (
    "INSERT INTO portico_group "
    "(id, account_id, name, description, data, permissions, created_at, updated_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $7)"
)
_BY_ID = (
    "SELECT g.*, (SELECT COUNT(*) FROM portico_group_member m WHERE m.group_id = g.id) "
    "AS member_count FROM portico_group g WHERE g.id = $1"
)
_ADD = (
    "INSERT INTO portico_group_member (group_id, account_id, created_at) "
    "SELECT CAST($1 AS TEXT), a.id, CAST($2 AS BIGINT) FROM portico_account a WHERE a.id IN ({}) "
    "ON CONFLICT DO NOTHING"
)
_TOUCH = "UPDATE portico_group SET updated_at = $1 WHERE id = $2"
_IDS = "SELECT group_id FROM portico_group_member WHERE account_id = $1 ORDER BY group_id"
_GRANTED = (
    "SELECT g.permissions FROM portico_group_member m JOIN portico_group g ON g.id = m.group_id "
    "WHERE m.account_id = $1 AND g.permissions IS NOT NULL ORDER BY g.id"
)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `portico_group`, and how many are in it.

    Units: times in epoch seconds. Shape: `data`, `meta` and `permissions` are JSON text. `account_id` made it.
    """

    id: str
    account_id: str
    name: str
    description: str
    data: str | None = None
    meta: str | None = None
    permissions: str | None = None
    created_at: int
    updated_at: int
    member_count: int


class Groups:
    """All groups."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def create_group(
        self,
        *,
        name: str,
        description: str,
        by: str,
        permissions: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Group:
        """A new group without members. Names may repeat. Raises: Invalid for a name or description too long."""
        if len(description) > LONGEST_DESCRIPTION:
            raise Invalid(f"[ERROR: A description has at most {LONGEST_DESCRIPTION} characters]")
        group_id = new_id()
        await execute(
            _INSERT,
            group_id,
            by,
            check_name(name),
            description.replace("\x00", ""),
            _json(data),
            _json(permissions),
            now(),
        )
        self._bus.publish(GroupChanged(group_id))
        return await self._group(group_id, "creating group")

    async def add_members(self, group_id: str, account_ids: Sequence[str]) -> Group:
        """Let people into a group: whoever exists and is not in it yet; the rest of the list is passed over.

        Raises: Invalid if there is no such group.
        """
        wanted = [one for one in dict.fromkeys(account_ids) if "\x00" not in one]
        async with transaction():
            await self._group(group_id, "adding users to group")
            added = 0
            for start in range(0, len(wanted), CHUNK):
                ids = wanted[start : start + CHUNK]
                places = ", ".join(f"${number}" for number in range(3, len(ids) + 3))
                added += await execute(_ADD.format(places), group_id, now(), *ids)
            if added:
                await execute(_TOUCH, now(), group_id)
                after_commit(lambda: self._bus.publish(GroupChanged(group_id)))
            return await self._group(group_id, "adding users to group")

    async def group_ids(self, account_id: str) -> list[str]:
        """The groups somebody is in. Shape: ids, sorted."""
        return [found["group_id"] for found in await rows(_IDS, account_id)]

    async def group_permissions(self, account_id: str) -> tuple[str, ...]:
        """What somebody's groups grant. Shape: JSON text of each group that grants anything, in a fixed order."""
        return tuple(found["permissions"] for found in await rows(_GRANTED, account_id))

    async def _group(self, group_id: str, doing: str) -> Group:
        found = [] if "\x00" in group_id else await rows(_BY_ID, group_id)
        if not found:
            # 400 and not 404, as clients know it from all routes that change a group.
            raise Invalid(f"[ERROR: Error {doing}]")
        return Group(**found[0])


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
