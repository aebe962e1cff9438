"""The words that policy lines use as `who`.

Some say who somebody is, whatever the thing: `role:admin`, `member:<group id>`, `user:<account id>`,
`permission:workspace.models`, `bypass:admin`. That is their *standing*. The four *ties* are between them and one
thing; only those depend on rows, and only those become SQL. The facts of a decision are the words that are true.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias

from portico.permissions.resource import ResourceKind
from portico.settings.permissions import PermissionDefaults

#: All words that are true of somebody and one thing.
Subjects: TypeAlias = frozenset[str]

OWNER: Final = "owner"
READER: Final = "reader"
WRITER: Final = "writer"
EVERYONE: Final = "everyone"
#: Ties that come from grants: the action that was given, and whether it was given to everyone.
GRANTED: Final = MappingProxyType(
    {READER: ("read", False), WRITER: ("write", False), EVERYONE: ("read", True)}
)
RELATIONS: Final = frozenset((OWNER, *GRANTED))
#: The tie of whoever was given an action, by name or through a group.
RELATION_BY_ACTION: Final = MappingProxyType(
    {action: tie for tie, (action, to_all) in GRANTED.items() if not to_all}
)

#: Roles of an account. Others are made by role lines.
ROLES: Final = ("admin", "user", "pending")
#: Those whom a switch of the operator exempts. Their lines count while the switch is on.
SWITCHES: Final = ("bypass:admin", "bypass:models", "bypass:chats", "bypass:export")
#: Words of the permission tree, as `section.word`.
PERMISSIONS: Final = frozenset(
    name.replace("_", ".", 1) for name in PermissionDefaults.__struct_fields__
)

#: Conditions that need no row to be looked at; lists fold them away.
ALWAYS: Final = "1 = 1"
NEVER: Final = "1 = 0"


class CallerId(Enum):
    """Stands in the place of the caller's id until a condition is used, so that its text can be kept."""

    ID = "id"


#: Puts a value behind a placeholder and returns the placeholder.
Bind: TypeAlias = Callable[[str | CallerId], str]

_GIVEN: Final = "SELECT resource_id FROM portico_grant"
# CROSS JOIN: SQLite keeps to the order as it is written, also where it has never counted the rows.
_THROUGH_GROUPS: Final = (
    "SELECT resource_id FROM portico_group_member CROSS JOIN portico_grant "
    "WHERE principal_kind = 'group' AND principal_id = group_id"
)


def lookup_condition(kind: ResourceKind, ties: Iterable[str], bind: Bind) -> str:
    """SQL for the rows of a kind to which the caller is tied: look up what they hold, then those rows.

    Costs what they hold, however long the table is.
    """
    ties = sorted(ties)
    if ties == [OWNER]:
        return f"{kind.table}.{kind.owner} = {bind(CallerId.ID)}"
    return f"{kind.table}.{kind.id} IN ({held_ids(kind, ties, bind)})"


def held_ids(kind: ResourceKind, ties: Iterable[str], bind: Bind) -> str:
    """SQL that selects the ids of all rows of a kind to which the caller is tied, some of them twice."""
    parts = []
    for tie in sorted(ties):
        if tie == OWNER:
            own = f"own.{kind.owner} = {bind(CallerId.ID)}"
            parts.append(f"SELECT own.{kind.id} FROM {kind.table} own WHERE {own}")  # noqa: S608
            continue
        action, to_all = GRANTED[tie]
        what = f"resource_kind = {bind(kind.name)} AND action = {bind(action)}"
        if to_all:
            parts.append(f"{_GIVEN} WHERE principal_kind = 'everyone' AND {what}")
        else:
            parts.append(
                f"{_GIVEN} WHERE principal_kind = 'user' AND principal_id = {bind(CallerId.ID)} AND {what}"
            )
            parts.append(f"{_THROUGH_GROUPS} AND account_id = {bind(CallerId.ID)} AND {what}")
    return " UNION ALL ".join(parts)


def row_condition(kind: ResourceKind, ties: Iterable[str], bind: Bind) -> str:
    """SQL that is true for a row to which the caller is tied: a few look-ups for each row that is met.

    For walking along an index until a page is full, and for the few rows of a page. Never null, whatever a row holds.
    """
    row = f"{kind.table}.{kind.id}"
    parts = []
    for tie in sorted(ties):
        if tie == OWNER:
            parts.append(f"COALESCE({kind.table}.{kind.owner} = {bind(CallerId.ID)}, FALSE)")
            continue
        action, to_all = GRANTED[tie]
        given = (
            f"given.resource_kind = {bind(kind.name)} AND given.resource_id = {row} "
            f"AND given.action = {bind(action)} AND given.principal_kind = "
        )
        if to_all:
            parts.append(_is_there(f"WHERE {given}'everyone'"))
        else:
            me = bind(CallerId.ID)
            parts.append(_is_there(f"WHERE {given}'user' AND given.principal_id = {me}"))
            mine = f"mine.group_id = given.principal_id AND mine.account_id = {me}"
            parts.append(
                _is_there(f"CROSS JOIN portico_group_member mine WHERE {given}'group' AND {mine}")
            )
    return f"({' OR '.join(parts)})"


def _is_there(which: str) -> str:
    # Not EXISTS: PostgreSQL would rather read all grants into a table first than look one up for each row.
    return f"COALESCE((SELECT TRUE FROM portico_grant given {which} LIMIT 1), FALSE)"  # noqa: S608
