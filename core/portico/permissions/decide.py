"""May they: the one place where it is decided. Routes and services ask here and nowhere else."""

from collections.abc import Iterable
from dataclasses import dataclass

from portico.brief import Brief
from portico.configuration import ConfigurationChanged
from portico.db import row, rows
from portico.errors import Forbidden, NotFound
from portico.events import Listener
from portico.identity import AccountLeaving, Actor, GroupLeaving
from portico.identity.events import EVENTS
from portico.permissions.grants import Grants
from portico.permissions.law import Form, Law, Template
from portico.permissions.lockout import locked_out
from portico.permissions.pages import BadPolicy, Page, packaged_pages
from portico.permissions.policy import Lines, read_pages
from portico.permissions.relations import OWNER, TIES, Facts, Me
from portico.permissions.resource import PolicyFile, PolicyLine, Resource, ResourceKind
from portico.permissions.standing import Permitted, Standings
from portico.settings.schema import AccessSettings

READ = "read"
#: Rows somebody may hold and still have them looked up; who holds more is served by walking along an index.
FEW = 1000
#: The same where it is less than a quarter of all rows: a walk might pass very many before it finds the first.
FEW_OF_MANY = 10_000
#: Seconds for which it is remembered whether somebody holds few or many. Being wrong costs time, nothing else.
HINT = 60.0


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL for a WHERE, about the columns of the kind's table by their full names. `args`: its values in order."""

    sql: str
    args: tuple[str, ...]


class Permissions:
    """Who may do what in one application.

    Made before plugins are asked what they bring; until `enact`, nobody may do anything. `moment`: seconds for which
    what was read about somebody is trusted, until this process changes it; 0 = not at all.
    """

    def __init__(
        self,
        settings: AccessSettings | None = None,
        permitted: Permitted | None = None,
        moment: float = 0,
    ) -> None:
        self.grants = Grants(moment)
        self.standings = Standings(settings or AccessSettings(), permitted, moment)
        self._law = Law({}, Lines())
        self._hints: Brief[tuple[str, str, Facts], Form] = Brief(HINT if moment else 0)

    # -- the law --------------------------------------------------------------------------------------------

    @property
    def law(self) -> Law:
        """What is in force. Keep the reference to ask one law several times: it never changes, it is replaced."""
        return self._law

    @property
    def changes(self) -> int:
        """Grows with everything by which decisions may turn out differently, as far as this process has heard."""
        return self.grants.changes

    def draft(
        self, kinds: Iterable[ResourceKind], pages: Iterable[Page], *, tolerant: bool = False
    ) -> Law:
        """A law out of pages, without putting it into force. `tolerant`: see `read_pages`. Raises: BadPolicy."""
        known = {kind.name: kind for kind in kinds}
        if "*" in known:
            raise BadPolicy(["a kind of resource cannot be called '*'"])
        law = Law(known, read_pages(known, pages, tolerant=tolerant))
        if faults := locked_out(law, self.standings.words_of("admin")):
            raise BadPolicy(faults)
        return law

    def enact(self, law: Law) -> None:
        """Put a law into force, from the next decision on."""
        self._law = law
        self._hints.forget()
        self.forget()

    def enact_packaged(
        self, kinds: Iterable[ResourceKind], policies: Iterable[PolicyFile | PolicyLine]
    ) -> Law:
        """Put the house rules and these policies into force, nothing laid over them.

        Raises: BadPolicy if any of it is wrong; what was in force then stays in force.
        """
        law = self.draft(kinds, packaged_pages(policies))
        self.enact(law)
        return law

    # -- one thing ------------------------------------------------------------------------------------------

    async def decide(self, actor: Actor, action: str, resource: Resource) -> bool:
        """Whether somebody may do something to a thing. At most one statement, and none where no grant matters."""
        law = self._law
        plan = law.plan(resource.kind, action)
        facts = await self.standings.of(law, plan, actor) | resource.ties
        if resource.owner_id is not None and resource.owner_id == actor.id:
            facts |= {OWNER}
        decision = plan.decide_without_grants(facts)
        if decision is None:
            return plan.decide(facts | await self.grants.held(actor.id, resource))
        return decision

    async def may(self, actor: Actor, kind: str, action: str) -> bool:
        """Whether somebody may do something with things of a kind in general, whichever it is."""
        return await self.decide(actor, action, Resource(kind, "", None))

    async def may_all(self, actor: Actor, kind: str, action: str) -> bool:
        """Whether somebody may do something with every thing of a kind, whatever ties them to it."""
        law = self._law
        plan = law.plan(kind, action)
        return plan.deny.isdisjoint(TIES) and plan.decide(await self.standings.of(law, plan, actor))

    async def require(self, actor: Actor, action: str, resource: Resource) -> None:
        """Go on only if somebody may do something to a thing.

        Raises: NotFound, the same as for a thing that is not there, if they may not even read it; else Forbidden.
        """
        if await self.decide(actor, action, resource):
            return
        if action != READ and await self.decide(actor, READ, resource):
            raise Forbidden
        raise NotFound

    async def find(self, kind: str, resource_id: str) -> Resource | None:
        """A thing of a registered kind, if its table has it. Raises: LookupError for an unknown kind."""
        of = self._law.kinds[kind]
        if not of.table:
            return None
        found = await row(
            f"SELECT {of.owner} AS owner FROM {of.table} WHERE {of.id} = $1",  # noqa: S608
            resource_id,
        )
        return Resource(kind, resource_id, found["owner"]) if found else None

    # -- many things ----------------------------------------------------------------------------------------

    async def visible(
        self, actor: Actor, action: str, kind: str, first: int = 1, *, whole: bool = False
    ) -> Condition:
        """The rows of a kind to which somebody may do something, as a condition for a list.

        Its placeholders begin with `$first`. It takes one of two forms that mean the same: look up what the caller
        holds, or test row by row along whatever index the list is sorted by. `whole`: the statement goes through all
        of them in any case, as a count does; then the former is always the better one. Raises: LookupError for a
        kind that nobody registered.
        """
        law = self._law
        standing = await self.standings.of(law, law.plan(kind, action), actor)
        form = "few" if whole else await self._form(law, actor, action, kind, standing)
        return _for(actor, law.condition(kind, action, standing, form, first))

    async def tested(self, actor: Actor, action: str, kind: str, first: int = 1) -> Condition:
        """The same as `visible`, for the few rows of a page: as a column that is true or false."""
        law = self._law
        standing = await self.standings.of(law, law.plan(kind, action), actor)
        return _for(actor, law.condition(kind, action, standing, "many", first))

    async def visible_ids(self, actor: Actor, action: str, kind: str) -> set[str]:
        """The ids of a kind to which somebody may do something."""
        which = await self.visible(actor, action, kind, whole=True)
        of = self._law.kinds[kind]
        found = await rows(
            f"SELECT {of.id} AS id FROM {of.table} WHERE {which.sql}",  # noqa: S608 - no word of it is a client's
            *which.args,
        )
        return {row["id"] for row in found}

    async def _form(self, law: Law, actor: Actor, action: str, kind: str, standing: Facts) -> Form:
        ties = law.ties(kind, action, standing)
        if ties <= {OWNER}:
            return "few"

        async def count(_: tuple[str, str, Facts]) -> Form:
            held = _for(actor, law.held(kind, ties))
            sql = f"SELECT 1 FROM ({held.sql}) held LIMIT {FEW_OF_MANY + 1}"  # noqa: S608
            number = (await row(f"SELECT COUNT(*) AS n FROM ({sql}) few", *held.args) or {})["n"]  # noqa: S608
            if number <= FEW:
                return "few"
            # Far cheaper than counting all of them.
            more = f"SELECT 1 FROM {law.kinds[kind].table} LIMIT 1 OFFSET {number * 4}"  # noqa: S608
            return "few" if number <= FEW_OF_MANY and await row(more) else "many"

        return await self._hints.get((actor.id, kind, ties), count) or "few"

    # -- changing ---------------------------------------------------------------------------------------------

    def forget(self) -> None:
        """Trust nothing that was read before."""
        self.grants.remember_nothing()
        self.standings.forget()

    def listeners(self) -> list[Listener]:
        """What the room wants to hear of before anybody else, so that nobody acts on what was true."""
        return [
            Listener(event, lambda _: self.forget()) for event in (*EVENTS, ConfigurationChanged)
        ]

    def last_listeners(self) -> list[Listener]:
        """What it wants to hear of when all others have: until then, whoever leaves still holds what they were given."""
        return [
            Listener(AccountLeaving, lambda event: self.grants.lose("user", event.id)),
            Listener(GroupLeaving, lambda event: self.grants.lose("group", event.id)),
        ]


def _for(actor: Actor, template: Template) -> Condition:
    return Condition(
        template.sql, tuple(actor.id if value is Me.ID else value for value in template.values)
    )
