"""Who may use a resource: a column `access_control`, or rows of `access_grant` in newer versions."""

from collections.abc import Collection
from typing import Any, Final

from portico_openwebui.databases import SourceDatabase
from portico_openwebui.kinds.kind_reader import KindReader, grouped
from portico_openwebui.values import BadValueError, Row, json_value, text

COLUMN: Final = "access_control"
_TABLE: Final = "access_grant"
_EVERYONE: Final = "*"
_PARTS: Final = ("principal_type", "principal_id", "permission")
_UNREADABLE: Final = "who may use it cannot be read: only its owner may"
_NOT_SIGNED_IN: Final = "it was open to visitors without an account: it is open to accounts"


class GrantRows:
    """The rows of `access_grant` about some resources of a type."""

    def __init__(self, rows: list[Row]) -> None:
        self._by_id = grouped(rows, "resource_id")

    @classmethod
    async def of(
        cls, database: SourceDatabase, resource_type: str, ids: Collection[str]
    ) -> "GrantRows":
        """Read the rows of some resources. `resource_type`: one of our own words."""
        columns = ("resource_id", *_PARTS)
        where = f"resource_type = '{resource_type}'"
        return cls(await database.lookup(_TABLE, columns, "resource_id", ids, where=where))

    def of_resource(self, resource_id: str) -> list[dict[str, str]]:
        """Return the grants of one resource as newer servers show them."""
        rows = self._by_id.get(resource_id, ())
        return [{name: text(row.get(name)) or "" for name in _PARTS} for row in rows]


def is_for_everyone(grants: list[dict[str, str]]) -> bool:
    """Return whether everyone who is signed in may read."""
    return any(
        grant["permission"] == "read"
        and (
            grant["principal_type"] == "anyone"
            or (grant["principal_type"], grant["principal_id"]) == ("user", _EVERYONE)
        )
        for grant in grants
    )


def sharing_fields(
    reader: KindReader,
    row: Row,
    resource_id: str,
    grants: GrantRows,
    *,
    null_is_public: bool = True,
) -> dict[str, Any]:
    """Return the field of a record that says who may use it. What cannot be read is private, never public."""
    if not reader.database.has(reader.table, COLUMN):
        return {"access_grants": _known(reader, resource_id, grants.of_resource(resource_id))}
    try:
        control = json_value(row.get(COLUMN), COLUMN)
    except BadValueError:
        control = False
    if control is None:
        return {COLUMN: None if null_is_public else {}}
    if not isinstance(control, dict):
        reader.notes.add(reader.name, _UNREADABLE, resource_id)
        return {COLUMN: {}}
    return {COLUMN: control}


def _known(
    reader: KindReader, resource_id: str, grants: list[dict[str, str]]
) -> list[dict[str, str]]:
    found = []
    for grant in grants:
        if grant["principal_type"] == "anyone":
            reader.notes.add(reader.name, _NOT_SIGNED_IN, resource_id)
            grant |= {"principal_type": "user", "principal_id": _EVERYONE}
        if grant not in found:
            found.append(grant)
    return found
