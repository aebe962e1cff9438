"""What policies are about: kinds of resources, single resources, and the rules that a plugin provides."""

from collections.abc import Sequence
from dataclasses import dataclass

#: In a rule: every kind, or every action.
ANY = "*"


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A kind of resource that policy rules can name.

    `name`: the word in policy files and grants, such as `model`. `table` has a text column `id` and a text column
    `owner` with the id of the account that owns the row; a kind without rows, such as the policies, has no table.
    `actions`: what can be done to one resource; `collection_actions`: what can be done to the collection, such as
    creating one; rules use both. `required_for_admins`: actions that some administrator must always be allowed;
    policies that allow one to no administrator are rejected.
    """

    name: str
    table: str
    actions: Sequence[str]
    id: str = "id"
    owner: str = "user_id"
    collection_actions: Sequence[str] = ()
    required_for_admins: Sequence[str] = ()

    @property
    def all_actions(self) -> tuple[str, ...]:
        """Every action that a rule may name."""
        return (*self.actions, *self.collection_actions)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, as far as a decision needs it.

    `id`: empty for a resource without a row, on which there can be no grants. `relations`: relations of the caller that
    do not come from rows: `everyone`, if the resource is public by itself; `reader`, `writer`, if something else than
    a grant gives access.
    """

    kind: str
    id: str
    owner_id: str | None
    relations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """A policy rule: subject `subject` may, or may not, do `action` to resources of this `kind`.

    `subject`: `owner`, `reader`, `writer`, `everyone`, `role:admin`, … `effect`: `allow` or `deny`; deny wins.
    `origin`: file and line, such as `portico_policies/models.csv:12`; empty for a rule that a plugin provides in code.
    """

    kind: str
    action: str
    subject: str
    effect: str = "allow"
    origin: str = ""

    def applies_to(self, kind: str, action: str) -> bool:
        """Return whether the rule applies to this kind and action."""
        return self.kind in (ANY, kind) and self.action in (ANY, action)

    def __str__(self) -> str:
        return f"p, {self.kind}, {self.action}, {self.subject}, {self.effect}"


@dataclass(frozen=True, slots=True)
class PackagedPolicy:
    """A policy file in a Python package, read through `importlib.resources`."""

    package: str
    name: str

    @property
    def file_name(self) -> str:
        """The name of the file without its folders."""
        return self.name.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.package}/{self.name}"
