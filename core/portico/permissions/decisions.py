"""Access decisions. Routes and services ask `Permissions` and nothing else."""

from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from portico.cache import TTLCache
from portico.db import fetch_all, fetch_one
from portico.errors import Forbidden, NotFound
from portico.events import Listener
from portico.identity import INVALIDATING_EVENTS, AccountDeleting, Actor, GroupDeleting
from portico.permissions.grants import Grants
from portico.permissions.policies.files import InvalidPolicy, PolicyFile, packaged_files
from portico.permissions.policies.lockout import lockout_reasons
from portico.permissions.policies.parser import ParsedPolicies, parse_files
from portico.permissions.policy_set import PolicySet, SQLStrategy, SQLTemplate
from portico.permissions.principals import Permitted, PrincipalResolver
from portico.permissions.resource import PackagedPolicy, PolicyRule, Resource, ResourceKind
from portico.permissions.subjects import OWNER, RELATIONS, CallerId, Subjects
from portico.runtime_settings import RuntimeSettingsChanged
from portico.settings.schema import AccessSettings
from portico.tracing import Attributes, current_trace, span

READ = "read"
#: Up to this many rows held by an actor, lists look the ids up; beyond, they test row by row along an index.
LOOKUP_MAX_ROWS = 1000
#: The same for a table with more than four times as many rows: the scan might pass many rows before the first match.
LOOKUP_MAX_ROWS_OF_LARGE_TABLE = 10_000
#: Seconds for which the chosen strategy is cached. An outdated one costs time, the result is the same.
PLAN_HINT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class SQLCondition:
    """SQL for a WHERE, with the columns of the kind's table by their full names. `args`: its values in order."""

    sql: str
    args: tuple[str, ...]


#: For statements of the program itself, which every row meets.
EVERY_ROW: Final = SQLCondition("1 = 1", ())


class Permissions:
    """Decides who may do what in one application.

    Created before plugins register anything; until policies are activated, every action is denied. `ttl_seconds`: how
    long principals and relations of an actor are cached, unless this process changes them; 0 = not at all.
    """

    def __init__(
        self,
        settings: AccessSettings | None = None,
        permitted: Permitted | None = None,
        ttl_seconds: float = 0,
    ) -> None:
        self.grants = Grants(ttl_seconds)
        self.principals = PrincipalResolver(settings or AccessSettings(), permitted, ttl_seconds)
        self._policies = PolicySet({}, ParsedPolicies())
        self._strategies: TTLCache[tuple[str, str, Subjects], SQLStrategy] = TTLCache(
            PLAN_HINT_SECONDS if ttl_seconds else 0
        )

    @property
    def caches(self) -> Mapping[str, TTLCache[Any, Any]]:
        """The caches by name, for operators."""
        return {
            "principals": self.principals.cache,
            "relations": self.grants.cache,
            "list_strategies": self._strategies,
        }

    # -- policies -------------------------------------------------------------------------------------------

    @property
    def policies(self) -> PolicySet:
        """The active policies. Immutable: hold the reference to make several decisions by the same policies."""
        return self._policies

    @property
    def changes(self) -> int:
        """A counter that grows with every event in this process after which decisions may differ."""
        return self.grants.changes

    def compile(
        self,
        kinds: Iterable[ResourceKind],
        files: Iterable[PolicyFile],
        *,
        allow_unknown_kinds: bool = False,
    ) -> PolicySet:
        """Compile policy files without activating them.

        `allow_unknown_kinds`: see `parse_files`. Raises: InvalidPolicy.
        """
        known = {kind.name: kind for kind in kinds}
        if "*" in known:
            raise InvalidPolicy(["a kind of resource cannot be called '*'"])
        policies = PolicySet(
            known, parse_files(known, files, allow_unknown_kinds=allow_unknown_kinds)
        )
        if reasons := lockout_reasons(policies, self.principals.for_role("admin")):
            raise InvalidPolicy(reasons)
        return policies

    def activate(self, policies: PolicySet) -> None:
        """Use these policies from the next decision on."""
        self._policies = policies
        self._strategies.clear()
        self.clear_caches()

    def activate_packaged(
        self, kinds: Iterable[ResourceKind], policies: Iterable[PackagedPolicy | PolicyRule]
    ) -> PolicySet:
        """Activate the base policy and these packaged ones, without files of the operator.

        Raises: InvalidPolicy if any of it is wrong; the active policies are then unchanged.
        """
        compiled = self.compile(kinds, packaged_files(policies))
        self.activate(compiled)
        return compiled

    # -- one resource ---------------------------------------------------------------------------------------

    def allows(self, actor: Actor, action: str, resource: Resource) -> Coroutine[Any, Any, bool]:
        """Return whether the actor may do this to the resource.

        At most one statement for grants, and none if no grant could change the decision.
        """
        if current_trace() is None:
            return self._decide(actor, action, resource)
        return self._decide_traced(actor, action, resource)

    async def _decide_traced(self, actor: Actor, action: str, resource: Resource) -> bool:
        with span(
            f"policy {resource.kind}:{action}", attributes=_attributes(resource.kind, action)
        ) as one:
            allowed = await self._decide(actor, action, resource)
            one.set("portico.policy.allowed", allowed)
        return allowed

    async def _decide(self, actor: Actor, action: str, resource: Resource) -> bool:
        policies = self._policies
        rules = policies.action_rules(resource.kind, action)
        subjects = await self.principals.effective(policies, rules, actor) | resource.relations
        if resource.owner_id is not None and resource.owner_id == actor.id:
            subjects |= {OWNER}
        decision = rules.allows_without_grants(subjects)
        if decision is None:
            return rules.allows(subjects | await self.grants.relations_of(actor.id, resource))
        return decision

    async def allows_on_collection(self, actor: Actor, kind: str, action: str) -> bool:
        """Return whether the actor may do this to the collection, or to any resource of the kind."""
        return await self.allows(actor, action, Resource(kind, "", None))

    async def allows_on_all(self, actor: Actor, kind: str, action: str) -> bool:
        """Return whether the actor may do this to every resource of the kind, whatever their relations."""
        policies = self._policies
        rules = policies.action_rules(kind, action)
        return rules.deny.isdisjoint(RELATIONS) and rules.allows(
            await self.principals.effective(policies, rules, actor)
        )

    async def require(self, actor: Actor, action: str, resource: Resource) -> None:
        """Check that the actor may do this to the resource.

        Raises: NotFound, as for a resource that does not exist, if the actor may not even read it; else Forbidden.
        """
        if await self.allows(actor, action, resource):
            return
        if action != READ and await self.allows(actor, READ, resource):
            raise Forbidden
        raise NotFound

    async def refusal(self, actor: Actor, action: str, kind: str, resource_id: str) -> NotFound:
        """Return the error for a row that a statement with the condition of `where_allowed` did not find.

        Raises: Forbidden if the actor may read the resource, but not do this.
        """
        resource = await self.find(kind, resource_id)
        if resource is not None:
            await self.require(actor, action, resource)
        return NotFound()

    async def find(self, kind: str, resource_id: str) -> Resource | None:
        """Return the resource with this id, or None. Raises: LookupError for an unknown kind."""
        of = self._policies.kinds[kind]
        if not of.table:
            return None
        found = await fetch_one(
            f"SELECT {of.owner} AS owner FROM {of.table} WHERE {of.id} = $1",  # noqa: S608
            resource_id,
        )
        return Resource(kind, resource_id, found["owner"]) if found else None

    # -- many resources -------------------------------------------------------------------------------------

    def where_allowed(
        self, actor: Actor, action: str, kind: str, first: int = 1, *, whole: bool = False
    ) -> Coroutine[Any, Any, SQLCondition]:
        """Return the condition for the rows of a kind to which the actor may do this.

        Its placeholders begin with `$first`. It has one of two forms with the same result: look up the ids that the
        actor holds, or test row by row along the index by which the list is sorted. `whole`: the statement reads all
        rows, as a count does; then the lookup is always faster. Raises: LookupError for an unknown kind.
        """
        if current_trace() is None:
            return self._condition(actor, action, kind, first, whole=whole)
        return self._condition_traced(actor, action, kind, first, whole=whole)

    async def _condition_traced(
        self, actor: Actor, action: str, kind: str, first: int, *, whole: bool
    ) -> SQLCondition:
        with span(f"policy {kind}:{action} of a list", attributes=_attributes(kind, action)):
            return await self._condition(actor, action, kind, first, whole=whole)

    async def _condition(
        self, actor: Actor, action: str, kind: str, first: int, *, whole: bool
    ) -> SQLCondition:
        policies = self._policies
        rules = policies.action_rules(kind, action)
        principals = await self.principals.effective(policies, rules, actor)
        strategy: SQLStrategy = (
            "lookup" if whole else await self._strategy(policies, actor, action, kind, principals)
        )
        return _for(actor, policies.condition(kind, action, principals, strategy, first))

    async def allowed_column(
        self, actor: Actor, action: str, kind: str, first: int = 1
    ) -> SQLCondition:
        """Return the condition of `where_allowed` as a column that is true or false, for the few rows of a page."""
        policies = self._policies
        rules = policies.action_rules(kind, action)
        principals = await self.principals.effective(policies, rules, actor)
        return _for(actor, policies.condition(kind, action, principals, "scan", first))

    async def visible_ids(self, actor: Actor, action: str, kind: str) -> set[str]:
        """Return the ids of all resources of a kind to which the actor may do this."""
        condition = await self.where_allowed(actor, action, kind, whole=True)
        of = self._policies.kinds[kind]
        found = await fetch_all(
            f"SELECT {of.id} AS id FROM {of.table} WHERE {condition.sql}",  # noqa: S608 - no client's text
            *condition.args,
        )
        return {row["id"] for row in found}

    async def _strategy(
        self, policies: PolicySet, actor: Actor, action: str, kind: str, principals: Subjects
    ) -> SQLStrategy:
        relations = policies.relations_for(kind, action, principals)
        if relations <= {OWNER}:
            return "lookup"

        async def choose(_: tuple[str, str, Subjects]) -> SQLStrategy:
            held = _for(actor, policies.held_ids_sql(kind, relations))
            sql = f"SELECT 1 FROM ({held.sql}) held LIMIT {LOOKUP_MAX_ROWS_OF_LARGE_TABLE + 1}"  # noqa: S608
            counted = await fetch_one(f"SELECT COUNT(*) AS n FROM ({sql}) few", *held.args)  # noqa: S608
            number = (counted or {})["n"]
            if number <= LOOKUP_MAX_ROWS:
                return "lookup"
            # Far cheaper than counting the whole table.
            more = f"SELECT 1 FROM {policies.kinds[kind].table} LIMIT 1 OFFSET {number * 4}"  # noqa: S608
            is_small_part = number <= LOOKUP_MAX_ROWS_OF_LARGE_TABLE and await fetch_one(more)
            return "lookup" if is_small_part else "scan"

        return await self._strategies.get_or_load((actor.id, kind, relations), choose) or "lookup"

    # -- events -----------------------------------------------------------------------------------------------

    def clear_caches(self) -> None:
        """Read grants and principals again at the next decision."""
        self.grants.clear_cache()
        self.principals.clear_cache()

    def listeners(self) -> list[Listener]:
        """Return the listeners that run before all others, so that no other listener decides by outdated caches."""
        return [
            Listener(event, lambda _: self.clear_caches())
            for event in (*INVALIDATING_EVENTS, RuntimeSettingsChanged)
        ]

    def last_listeners(self) -> list[Listener]:
        """Return the listeners that run after all others, which still see the grants of a deleted account or group."""
        return [
            Listener(AccountDeleting, lambda event: self.grants.remove_principal("user", event.id)),
            Listener(GroupDeleting, lambda event: self.grants.remove_principal("group", event.id)),
        ]


def _attributes(kind: str, action: str) -> Attributes:
    return {"portico.policy.kind": kind, "portico.policy.action": action}


def _for(actor: Actor, template: SQLTemplate) -> SQLCondition:
    return SQLCondition(
        template.sql,
        tuple(actor.id if value is CallerId.ID else value for value in template.values),
    )
