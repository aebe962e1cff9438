"""Subjects of policy rules: principals and relations.

A principal is true of an actor whatever the resource: `role:admin`, `group:<group id>`, `user:<account id>`,
`permission:workspace.models`, `switch:enable_admin_export`. The four relations are between an actor and one resource;
only they depend on rows, so only they become SQL.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias

from portico.permissions.resource import ResourceKind
from portico.settings.permissions import PermissionDefaults

#: All principals and relations that are true of an actor and one resource.
Subjects: TypeAlias = frozenset[str]

OWNER: Final = "owner"
READER: Final = "reader"
WRITER: Final = "writer"
EVERYONE: Final = "everyone"
#: Relations that come from grants: the granted action, and whether it is granted to everyone.
GRANT_BY_RELATION: Final = MappingProxyType(
    {READER: ("read", False), WRITER: ("write", False), EVERYONE: ("read", True)}
)
RELATIONS: Final = frozenset((OWNER, *GRANT_BY_RELATION))
#: The relation of an actor to whom an action is granted, by name or through a group.
RELATION_BY_ACTION: Final = MappingProxyType(
    {action: relation for relation, (action, to_all) in GRANT_BY_RELATION.items() if not to_all}
)

#: Roles of an account. Role rules define further ones.
ROLES: Final = ("admin", "user", "pending")
BYPASS_ADMIN: Final = "switch:bypass_admin_access_control"
BYPASS_MODELS: Final = "switch:bypass_model_access_control"
ADMIN_CHATS: Final = "switch:enable_admin_chat_access"
ADMIN_EXPORT: Final = "switch:enable_admin_export"
#: Principals that an environment variable of the same name switches on.
SWITCHES: Final = (BYPASS_ADMIN, BYPASS_MODELS, ADMIN_CHATS, ADMIN_EXPORT)
#: Leaves of the permission tree, as `section.name`.
PERMISSIONS: Final = frozenset(
    name.replace("_", ".", 1) for name in PermissionDefaults.__struct_fields__
)

#: Conditions that read no row; the database removes them from the statement.
ALWAYS: Final = "1 = 1"
NEVER: Final = "1 = 0"


class CallerId(Enum):
    """Placeholder for the caller's id, so that the text of a condition can be cached."""

    ID = "id"


#: Adds a value to the arguments and returns its placeholder.
Bind: TypeAlias = Callable[[str | CallerId], str]

_GRANTED: Final = "SELECT resource_id FROM portico_grant"
# CROSS JOIN: SQLite then joins in the written order, even without statistics about the tables.
_THROUGH_GROUPS: Final = (
    "SELECT resource_id FROM portico_group_member CROSS JOIN portico_grant "
    "WHERE principal_kind = 'group' AND principal_id = group_id"
)


def lookup_condition(kind: ResourceKind, relations: Iterable[str], bind: Bind) -> str:
    """Return SQL for the rows of a kind to which the caller has one of these relations, by looking up their ids.

    The cost grows with the number of the caller's grants, not with the size of the table.
    """
    relations = sorted(relations)
    if relations == [OWNER]:
        return f"{kind.table}.{kind.owner} = {bind(CallerId.ID)}"
    return f"{kind.table}.{kind.id} IN ({held_ids(kind, relations, bind)})"


def held_ids(kind: ResourceKind, relations: Iterable[str], bind: Bind) -> str:
    """Return SQL that selects the ids of all rows to which the caller has one of these relations, with duplicates."""
    parts = []
    for relation in sorted(relations):
        if relation == OWNER:
            own = f"own.{kind.owner} = {bind(CallerId.ID)}"
            parts.append(f"SELECT own.{kind.id} FROM {kind.table} own WHERE {own}")  # noqa: S608
            continue
        action, to_all = GRANT_BY_RELATION[relation]
        grant = f"resource_kind = {bind(kind.name)} AND action = {bind(action)}"
        if to_all:
            parts.append(f"{_GRANTED} WHERE principal_kind = 'everyone' AND {grant}")
        else:
            me = bind(CallerId.ID)
            parts.append(
                f"{_GRANTED} WHERE principal_kind = 'user' AND principal_id = {me} AND {grant}"
            )
            parts.append(f"{_THROUGH_GROUPS} AND account_id = {me} AND {grant}")
    return " UNION ALL ".join(parts)


def row_condition(kind: ResourceKind, relations: Iterable[str], bind: Bind) -> str:
    """Return SQL that is true for a row to which the caller has one of these relations, tested row by row.

    Costs a few lookups for each row that is read: for walking along an index until a page is full. Never null.
    """
    row = f"{kind.table}.{kind.id}"
    parts = []
    for relation in sorted(relations):
        if relation == OWNER:
            parts.append(f"COALESCE({kind.table}.{kind.owner} = {bind(CallerId.ID)}, FALSE)")
            continue
        action, to_all = GRANT_BY_RELATION[relation]
        granted = (
            f"given.resource_kind = {bind(kind.name)} AND given.resource_id = {row} "
            f"AND given.action = {bind(action)} AND given.principal_kind = "
        )
        if to_all:
            parts.append(_exists(f"WHERE {granted}'everyone'"))
        else:
            me = bind(CallerId.ID)
            parts.append(_exists(f"WHERE {granted}'user' AND given.principal_id = {me}"))
            mine = f"mine.group_id = given.principal_id AND mine.account_id = {me}"
            parts.append(
                _exists(f"CROSS JOIN portico_group_member mine WHERE {granted}'group' AND {mine}")
            )
    return f"({' OR '.join(parts)})"


def _exists(which: str) -> str:
    # Not EXISTS: PostgreSQL would hash all grants first instead of looking one up for each row.
    return f"COALESCE((SELECT TRUE FROM portico_grant given {which} LIMIT 1), FALSE)"  # noqa: S608
