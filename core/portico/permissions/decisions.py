"""May they: the one place where it is decided. Routes and services ask here and nowhere else."""

from collections.abc import Iterable
from dataclasses import dataclass

from portico.cache import TTLCache
from portico.db import fetch_all, fetch_one
from portico.errors import Forbidden, NotFound
from portico.events import Listener
from portico.identity import AccountDeleting, Actor, GroupDeleting
from portico.identity.events import EVENTS
from portico.permissions.grants import Grants
from portico.permissions.policies.files import InvalidPolicy, PolicyFile, packaged_files
from portico.permissions.policies.lockout import lockout_reasons
from portico.permissions.policies.parser import ParsedPolicies, parse_files
from portico.permissions.policy_set import PolicySet, SQLStrategy, SQLTemplate
from portico.permissions.principals import Permitted, PrincipalResolver
from portico.permissions.resource import PackagedPolicy, PolicyLine, Resource, ResourceKind
from portico.permissions.subjects import OWNER, RELATIONS, CallerId, Subjects
from portico.runtime_settings import RuntimeSettingsChanged
from portico.settings.schema import AccessSettings

READ = "read"
#: Rows somebody may hold and still have them looked up; who holds more is served by walking along an index.
LOOKUP_MAX_ROWS = 1000
#: The same where it is less than a quarter of all rows: a walk might pass very many before it finds the first.
LOOKUP_MAX_ROWS_OF_LARGE_TABLE = 10_000
#: Seconds for which it is remembered whether somebody holds few or many. Being wrong costs time, nothing else.
PLAN_HINT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class SQLCondition:
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
        self.principals = PrincipalResolver(settings or AccessSettings(), permitted, moment)
        self._law = PolicySet({}, ParsedPolicies())
        self._hints: TTLCache[tuple[str, str, Subjects], SQLStrategy] = TTLCache(
            PLAN_HINT_SECONDS if moment else 0
        )

    # -- the law --------------------------------------------------------------------------------------------

    @property
    def policies(self) -> PolicySet:
        """What is in force. Keep the reference to ask one law several times: it never changes, it is replaced."""
        return self._law

    @property
    def changes(self) -> int:
        """Grows with everything by which decisions may turn out differently, as far as this process has heard."""
        return self.grants.changes

    def compile(
        self,
        kinds: Iterable[ResourceKind],
        pages: Iterable[PolicyFile],
        *,
        allow_unknown_kinds: bool = False,
    ) -> PolicySet:
        """A law out of pages, without putting it into force. `tolerant`: see `parse_files`. Raises: InvalidPolicy."""
        known = {kind.name: kind for kind in kinds}
        if "*" in known:
            raise InvalidPolicy(["a kind of resource cannot be called '*'"])
        law = PolicySet(known, parse_files(known, pages, tolerant=allow_unknown_kinds))
        if faults := lockout_reasons(law, self.principals.for_role("admin")):
            raise InvalidPolicy(faults)
        return law

    def activate(self, law: PolicySet) -> None:
        """Put a law into force, from the next decision on."""
        self._law = law
        self._hints.clear()
        self.clear_caches()

    def activate_packaged(
        self, kinds: Iterable[ResourceKind], policies: Iterable[PackagedPolicy | PolicyLine]
    ) -> PolicySet:
        """Put the house rules and these policies into force, nothing laid over them.

        Raises: InvalidPolicy if any of it is wrong; what was in force then stays in force.
        """
        law = self.compile(kinds, packaged_files(policies))
        self.activate(law)
        return law

    # -- one thing ------------------------------------------------------------------------------------------

    async def allows(self, actor: Actor, action: str, resource: Resource) -> bool:
        """Whether somebody may do something to a thing. At most one statement, and none where no grant matters."""
        law = self._law
        plan = law.plan(resource.kind, action)
        facts = await self.principals.effective(law, plan, actor) | resource.relations
        if resource.owner_id is not None and resource.owner_id == actor.id:
            facts |= {OWNER}
        decision = plan.allows_without_grants(facts)
        if decision is None:
            return plan.allows(facts | await self.grants.relations_of(actor.id, resource))
        return decision

    async def allows_on_collection(self, actor: Actor, kind: str, action: str) -> bool:
        """Whether somebody may do something with things of a kind in general, whichever it is."""
        return await self.allows(actor, action, Resource(kind, "", None))

    async def allows_on_all(self, actor: Actor, kind: str, action: str) -> bool:
        """Whether somebody may do something with every thing of a kind, whatever ties them to it."""
        law = self._law
        plan = law.plan(kind, action)
        return plan.deny.isdisjoint(RELATIONS) and plan.allows(
            await self.principals.effective(law, plan, actor)
        )

    async def require(self, actor: Actor, action: str, resource: Resource) -> None:
        """Go on only if somebody may do something to a thing.

        Raises: NotFound, the same as for a thing that is not there, if they may not even read it; else Forbidden.
        """
        if await self.allows(actor, action, resource):
            return
        if action != READ and await self.allows(actor, READ, resource):
            raise Forbidden
        raise NotFound

    async def find(self, kind: str, resource_id: str) -> Resource | None:
        """A thing of a registered kind, if its table has it. Raises: LookupError for an unknown kind."""
        of = self._law.kinds[kind]
        if not of.table:
            return None
        found = await fetch_one(
            f"SELECT {of.owner} AS owner FROM {of.table} WHERE {of.id} = $1",  # noqa: S608
            resource_id,
        )
        return Resource(kind, resource_id, found["owner"]) if found else None

    # -- many things ----------------------------------------------------------------------------------------

    async def where_allowed(
        self, actor: Actor, action: str, kind: str, first: int = 1, *, whole: bool = False
    ) -> SQLCondition:
        """The rows of a kind to which somebody may do something, as a condition for a list.

        Its placeholders begin with `$first`. It takes one of two forms that mean the same: look up what the caller
        holds, or test row by row along whatever index the list is sorted by. `whole`: the statement goes through all
        of them in any case, as a count does; then the former is always the better one. Raises: LookupError for a
        kind that nobody registered.
        """
        law = self._law
        standing = await self.principals.effective(law, law.plan(kind, action), actor)
        form = "few" if whole else await self._form(law, actor, action, kind, standing)
        return _for(actor, law.condition(kind, action, standing, form, first))

    async def allowed_column(
        self, actor: Actor, action: str, kind: str, first: int = 1
    ) -> SQLCondition:
        """The same as `visible`, for the few rows of a page: as a column that is true or false."""
        law = self._law
        standing = await self.principals.effective(law, law.plan(kind, action), actor)
        return _for(actor, law.condition(kind, action, standing, "many", first))

    async def visible_ids(self, actor: Actor, action: str, kind: str) -> set[str]:
        """The ids of a kind to which somebody may do something."""
        which = await self.where_allowed(actor, action, kind, whole=True)
        of = self._law.kinds[kind]
        found = await fetch_all(
            f"SELECT {of.id} AS id FROM {of.table} WHERE {which.sql}",  # noqa: S608 - no word of it is a client's
            *which.args,
        )
        return {row["id"] for row in found}

    async def _form(
        self, law: PolicySet, actor: Actor, action: str, kind: str, standing: Subjects
    ) -> SQLStrategy:
        ties = law.relations_for(kind, action, standing)
        if ties <= {OWNER}:
            return "few"

        async def count(_: tuple[str, str, Subjects]) -> SQLStrategy:
            held = _for(actor, law.held_ids_sql(kind, ties))
            sql = f"SELECT 1 FROM ({held.sql}) held LIMIT {LOOKUP_MAX_ROWS_OF_LARGE_TABLE + 1}"  # noqa: S608
            counted = await fetch_one(f"SELECT COUNT(*) AS n FROM ({sql}) few", *held.args)  # noqa: S608
            number = (counted or {})["n"]
            if number <= LOOKUP_MAX_ROWS:
                return "few"
            # Far cheaper than counting all of them.
            more = f"SELECT 1 FROM {law.kinds[kind].table} LIMIT 1 OFFSET {number * 4}"  # noqa: S608
            return (
                "few"
                if number <= LOOKUP_MAX_ROWS_OF_LARGE_TABLE and await fetch_one(more)
                else "many"
            )

        return await self._hints.get_or_load((actor.id, kind, ties), count) or "few"

    # -- changing ---------------------------------------------------------------------------------------------

    def clear_caches(self) -> None:
        """Trust nothing that was read before."""
        self.grants.clear_cache()
        self.principals.forget()

    def listeners(self) -> list[Listener]:
        """What the room wants to hear of before anybody else, so that nobody acts on what was true."""
        return [
            Listener(event, lambda _: self.clear_caches())
            for event in (*EVENTS, RuntimeSettingsChanged)
        ]

    def last_listeners(self) -> list[Listener]:
        """What it wants to hear of when all others have: until then, whoever leaves still holds what they were given."""
        return [
            Listener(AccountDeleting, lambda event: self.grants.remove_principal("user", event.id)),
            Listener(GroupDeleting, lambda event: self.grants.remove_principal("group", event.id)),
        ]


def _for(actor: Actor, template: SQLTemplate) -> SQLCondition:
    return SQLCondition(
        template.sql,
        tuple(actor.id if value is CallerId.ID else value for value in template.values),
    )
