"""May they: the one place where it is decided. Routes and services ask here and nowhere else."""

from collections.abc import Iterable
from dataclasses import dataclass

from portico.db import rows
from portico.errors import Forbidden, NotFound
from portico.events import Listener
from portico.identity import AccountLeaving, Actor, GroupLeaving
from portico.permissions.grants import Grants
from portico.permissions.law import Law
from portico.permissions.policy import HOUSE_RULES, BadPolicy, Rule, read_policies
from portico.permissions.relations import Facts, Me
from portico.permissions.resource import PolicyFile, PolicyLine, Resource, ResourceKind
from portico.settings.schema import AccessSettings

READ = "read"


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL for a WHERE, about the columns of the kind's table by their full names. `args`: its values in order."""

    sql: str
    args: tuple[str, ...]


class Permissions:
    """Who may do what in one application.

    Made before plugins are asked what they bring; until `enact`, nobody may do anything.
    """

    def __init__(self, settings: AccessSettings | None = None) -> None:
        self.settings = settings or AccessSettings()
        self.grants = Grants()
        self._law = Law({}, ())

    @property
    def law(self) -> Law:
        """What is in force. Keep the reference to ask one law several times: it never changes, it is replaced."""
        return self._law

    def enact(
        self, kinds: Iterable[ResourceKind], policies: Iterable[PolicyFile | PolicyLine]
    ) -> Law:
        """Put a whole set of policies into force, with the house rules before them.

        Raises: BadPolicy if any of it is wrong; what was in force then stays in force.
        """
        known = {kind.name: kind for kind in kinds}
        if "*" in known:
            raise BadPolicy(["a kind of resource cannot be called '*'"])
        rules = read_policies(known, [*HOUSE_RULES, *policies])
        self._law = Law(known, _amended(rules, self.settings))
        return self._law

    async def decide(self, actor: Actor, action: str, resource: Resource) -> bool:
        """Whether somebody may do something to a thing. At most one statement, and none where no grant matters."""
        plan = self._law.plan(resource.kind, action)
        facts = Facts(actor.id, actor.role, resource.owner_id)
        decision = plan.decide_without_grants(facts)
        if decision is not None:
            return decision
        held = await self.grants.held(actor.id, resource)
        return plan.decide(Facts(actor.id, actor.role, resource.owner_id, held))

    async def may(self, actor: Actor, kind: str, action: str) -> bool:
        """Whether somebody may do something with things of a kind in general, whichever it is."""
        return await self.decide(actor, action, Resource(kind, "", None))

    async def require(self, actor: Actor, action: str, resource: Resource) -> None:
        """Go on only if somebody may do something to a thing.

        Raises: NotFound, the same as for a thing that is not there, if they may not even read it; else Forbidden.
        """
        if await self.decide(actor, action, resource):
            return
        if action != READ and await self.decide(actor, READ, resource):
            raise Forbidden
        raise NotFound

    def visible(self, actor: Actor, action: str, kind: str, first: int = 1) -> Condition:
        """The rows of a kind to which somebody may do something, as a condition.

        Its placeholders begin with `$first`. The text depends on the caller's role alone, so databases can keep
        what they prepared for it. Raises: LookupError for a kind that nobody registered.
        """
        template = self._law.template(kind, action, actor.role, first)
        return Condition(
            template.sql, tuple(actor.id if value is Me.ID else value for value in template.values)
        )

    async def visible_ids(self, actor: Actor, action: str, kind: str) -> set[str]:
        """The ids of a kind to which somebody may do something. One statement."""
        which = self.visible(actor, action, kind)
        of = self._law.kinds[kind]
        found = await rows(
            f"SELECT {of.id} AS id FROM {of.table} WHERE {which.sql}",  # noqa: S608 - no word of it is a client's
            *which.args,
        )
        return {row["id"] for row in found}

    def listeners(self) -> list[Listener]:
        """What the room itself wants to hear of."""
        return [
            Listener(AccountLeaving, lambda event: self.grants.lose("user", event.id)),
            Listener(GroupLeaving, lambda event: self.grants.lose("group", event.id)),
        ]


def _amended(rules: Iterable[Rule], settings: AccessSettings) -> list[Rule]:
    """The rules as the switches above them want it."""
    kept = [
        rule
        for rule in rules
        if settings.bypass_admin
        or (rule.kind, rule.who, rule.effect) != ("model", "role:admin", "allow")
        or rule.action not in ("list", READ)
    ]
    if settings.bypass_models:
        kept += [
            Rule("model", READ, f"role:{role}", "allow", "access.bypass_models")
            for role in ("admin", "user")
        ]
    return kept
