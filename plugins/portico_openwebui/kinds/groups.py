"""Groups with their members."""

from typing import Any, Final

from portico_openwebui.kinds.kind_reader import Build, KindReader, grouped
from portico_openwebui.values import (
    BadValueError,
    Row,
    identifier,
    json_value,
    optional_identifier,
    text,
    times,
)

_NESTED: Final = (
    "the group was in another group: Portico has no groups in groups, so that it stands alone"
)


class GroupReader(KindReader):
    """Reads `group` and `group_member`; older versions have the members in the column `user_ids`."""

    name = "groups"
    table = "group"
    columns = (
        *("id", "user_id", "name", "description", "data", "meta", "permissions", "user_ids"),
        *("created_at", "updated_at", "parent_group_id"),
    )
    max_rows = 100

    async def prepare(self, rows: list[Row]) -> Build:
        """Read the members."""
        ids = {one for row in rows if (one := optional_identifier(row.get("id")))}
        columns = ("group_id", "user_id")
        members = grouped(
            await self.database.lookup("group_member", columns, "group_id", ids), "group_id"
        )

        def build(row: Row) -> dict[str, Any]:
            group_id = identifier(row.get("id"))
            if text(row.get("parent_group_id")):
                self.notes.add(self.name, _NESTED, group_id)
            return {
                "id": group_id,
                "user_id": optional_identifier(row.get("user_id")) or "",
                "name": text(row.get("name")) or "",
                "description": text(row.get("description")) or "",
                "permissions": self.object_or_none(row, "permissions"),
                "meta": self.object_or_none(row, "meta"),
                "data": self.object_or_none(row, "data"),
                "user_ids": self._members(row, group_id, members.get(group_id, [])),
                **times(row),
            }

        return build

    def _members(self, row: Row, group_id: str, members: list[Row]) -> list[str]:
        found = [one for member in members if (one := optional_identifier(member.get("user_id")))]
        try:
            listed = json_value(row.get("user_ids"), "user_ids") or []
        except BadValueError:
            listed = None
        if not isinstance(listed, list):
            self.notes.add(self.name, "the list of its members cannot be read", group_id)
            listed = []
        found += [one for one in listed if isinstance(one, str) and one]
        return list(dict.fromkeys(found))
