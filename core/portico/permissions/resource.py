"""What policies speak about: kinds of resources, single resources, and the lines a plugin may bring."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A kind of thing that policies can speak about.

    `name`: the word used in policy files and grants, such as `model`. `table` has a text column `id` and a text
    column `owner` that names the account the row belongs to; a kind without rows, such as the policies themselves,
    has no table. `actions`: what can be done to one of them; `general`: what can be done with the kind as such, like
    making one; policies use both. `vital`: those of them that some administrator must always be allowed; a policy by
    which none is, is refused.
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
        """Every word a policy may use for what is done."""
        return (*self.actions, *self.collection_actions)


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing, as far as a decision needs to know it.

    `id`: empty for a thing without a row, to which nobody can have been given access. `ties`: what ties the caller to it
    besides rows: `everyone`, where it is open by itself; `reader`, `writer`, where something else than grants says so.
    """

    kind: str
    id: str
    owner_id: str | None
    relations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """One line of law: whoever stands in relation `who` to a thing of this `kind` may do `action`.

    `who`: `owner`, `reader`, `writer`, `everyone`, `role:admin`, … `effect`: `allow` or `deny`; deny wins.
    """

    kind: str
    action: str
    who: str
    effect: str = "allow"

    def __str__(self) -> str:
        return f"p, {self.kind}, {self.action}, {self.who}, {self.effect}"


@dataclass(frozen=True, slots=True)
class PackagedPolicy:
    """A packaged CSV file of policy lines, read through `importlib.resources`."""

    package: str
    name: str

    @property
    def page(self) -> str:
        """The name of the page: the file's, without its folders."""
        return self.name.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.package}/{self.name}"
