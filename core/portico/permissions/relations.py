"""What somebody can be to a thing: the words that policy lines use as `who`.

Each relation is a pair that must mean the same: a predicate on facts that are already loaded, for one decision, and
an SQL condition, for lists. A test draws random people and grants and compares the two.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias

from portico.permissions.resource import ResourceKind

#: Conditions that need no row to be looked at; `visible` folds them away.
ALWAYS: Final = "1 = 1"
NEVER: Final = "1 = 0"

ROLES: Final = ("admin", "user", "pending")


class Grant(Enum):
    """What was given to somebody with regard to one thing. The value: its action, and who holds it."""

    READ = ("read", "person")
    WRITE = ("write", "person")
    PUBLIC = ("read", "everyone")


class Me(Enum):
    """Stands in the place of the caller's id until a condition is used, so that its text can be kept."""

    ID = "id"


#: Puts a value behind a placeholder and returns the placeholder.
Bind: TypeAlias = Callable[[str | Me], str]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision looks at. `grants`: those the caller holds, by name, by group or as one of everyone."""

    actor_id: str
    role: str
    owner_id: str | None
    grants: frozenset[Grant] = frozenset()


@dataclass(frozen=True, slots=True)
class Relation:
    """A word of the law.

    `condition(role, kind, bind)`: SQL that is true for the rows of `kind` to which a caller of this role stands
    in the relation. `from_grants`: whether `holds` looks at `Facts.grants`, which cost a statement to load.
    """

    name: str
    holds: Callable[[Facts], bool]
    condition: Callable[[str, ResourceKind, Bind], str]
    from_grants: bool = False


def _owner() -> Relation:
    return Relation(
        "owner",
        lambda facts: facts.owner_id is not None and facts.owner_id == facts.actor_id,
        lambda _role, kind, bind: f"{kind.table}.{kind.owner} = {bind(Me.ID)}",
    )


def _role(name: str) -> Relation:
    return Relation(
        f"role:{name}",
        lambda facts: facts.role == name,
        lambda role, _kind, _bind: ALWAYS if role == name else NEVER,
    )


def _granted(name: str, grant: Grant) -> Relation:
    return Relation(
        name,
        lambda facts: grant in facts.grants,
        lambda _role, kind, bind: f"{kind.table}.{kind.id} IN ({granted_ids(kind, grant, bind)})",
        from_grants=True,
    )


def granted_ids(kind: ResourceKind, grant: Grant, bind: Bind) -> str:
    """SQL for the ids of a kind on which the caller holds a grant.

    A list of ids rather than a correlated `EXISTS`: it is read from one index, once, however long the table is.
    """
    action, holder = grant.value
    what = f"resource_kind = {bind(kind.name)} AND action = {bind(action)}"
    if holder == "everyone":
        return f"{_GIVEN} WHERE principal_kind = 'everyone' AND {what}"
    return (
        f"{_GIVEN} WHERE principal_kind = 'user' AND principal_id = {bind(Me.ID)} AND {what} "
        f"UNION ALL {_GIVEN} JOIN portico_group_member ON group_id = principal_id "
        f"WHERE principal_kind = 'group' AND account_id = {bind(Me.ID)} AND {what}"
    )


_GIVEN: Final = "SELECT resource_id FROM portico_grant"


#: Every word a policy line may use as `who`.
RELATIONS: Final[Mapping[str, Relation]] = MappingProxyType(
    {
        relation.name: relation
        for relation in (
            _owner(),
            _granted("reader", Grant.READ),
            _granted("writer", Grant.WRITE),
            _granted("everyone", Grant.PUBLIC),
            *(_role(name) for name in ROLES),
        )
    }
)
