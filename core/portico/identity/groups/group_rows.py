"""Whole rows of groups with their members, for exports and imports."""

from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

from portico.db import chunks, execute, fetch_all, placeholders
from portico.identity.groups.group import Group
from portico.identity.groups.members import GROUP

#: Groups of one block.
BLOCK: Final = 100
_PAGE: Final = f"{GROUP} WHERE g.id > $1 ORDER BY g.id LIMIT {BLOCK}"
_BY_IDS: Final = f"{GROUP} WHERE g.id IN ({{}})"
_BY_NAMES: Final = f"{GROUP} WHERE g.name IN ({{}}) ORDER BY g.created_at, g.id"
_MEMBERS: Final = (
    "SELECT group_id, account_id FROM portico_group_member WHERE group_id IN ({}) "
    "ORDER BY group_id, created_at, account_id"
)
_INSERT: Final = (
    "INSERT INTO portico_group (id, account_id, name, description, data, meta, permissions, created_at, updated_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING"
)
_ADD: Final = (
    "INSERT INTO portico_group_member (group_id, account_id, created_at) "
    "SELECT CAST($1 AS TEXT), a.id, CAST($2 AS BIGINT) FROM portico_account a WHERE a.id IN ({}) "
    "ON CONFLICT DO NOTHING"
)


class StoredGroup(NamedTuple):
    """A group with the ids of its members, in the order in which they were added."""

    group: Group
    member_ids: list[str]


class GroupRows:
    """Reads and stores whole rows. Nothing is published, and the audit log has one entry for a whole import."""

    async def pages(self) -> AsyncIterator[list[StoredGroup]]:
        """Yield all groups by id. Holds no connection between blocks."""
        last = ""
        while rows := await fetch_all(_PAGE, last):
            last = rows[-1]["id"]
            members: dict[str, list[str]] = {}
            ids = [row["id"] for row in rows]
            for row in await fetch_all(_MEMBERS.format(placeholders(len(ids))), *ids):
                members.setdefault(row["group_id"], []).append(row["account_id"])
            yield [StoredGroup(Group(**row), members.get(row["id"], [])) for row in rows]

    async def by_ids(self, ids: Sequence[str]) -> dict[str, Group]:
        """Return the groups with these ids."""
        return {one.id: one for one in await self._found(_BY_IDS, ids)}

    async def by_names(self, names: Sequence[str]) -> dict[str, list[Group]]:
        """Return the groups with these names, the oldest first."""
        found: dict[str, list[Group]] = {}
        for one in await self._found(_BY_NAMES, names):
            found.setdefault(one.name, []).append(one)
        return found

    async def insert(self, group: Group) -> bool:
        """Store a group without members. Returns whether its id was free."""
        texts = (group.name, group.description, group.data, group.meta, group.permissions)
        times = (group.created_at, group.updated_at)
        return bool(await execute(_INSERT, group.id, group.account_id, *texts, *times))

    async def add_members(self, group_id: str, account_ids: Sequence[str], at: int) -> int:
        """Add accounts to a group; return how many are new. Units: `at` in epoch seconds."""
        added = 0
        for some in chunks(list(dict.fromkeys(account_ids))):
            sql = _ADD.format(placeholders(len(some), 3))
            added += await execute(sql, group_id, at, *some)
        return added

    async def _found(self, sql: str, values: Sequence[str]) -> list[Group]:
        found = []
        for some in chunks(list(dict.fromkeys(values))):
            rows = await fetch_all(sql.format(placeholders(len(some))), *some)
            found += [Group(**row) for row in rows]
        return found
