"""Reports over all accounts: who may do something, and who would gain or lose access by other policies.

What an account may do depends on its principals and on its relation to a resource. So each account is compared once
for all resources it has no relation to, and one by one only for those it has.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from portico.db import fetch_all_in_thread
from portico.identity import Actor
from portico.permissions.decisions import Permissions
from portico.permissions.policy_set import EMPTY, ActionRules, PolicySet
from portico.permissions.principals import group_permissions
from portico.permissions.reports.explain import check_kind_and_action
from portico.permissions.resource import ResourceKind
from portico.permissions.subjects import EVERYONE, OWNER, RELATION_BY_ACTION, Subjects

Change = Literal["gained", "lost"]
#: Called with the number of accounts compared so far, and the number of all accounts.
Progress = Callable[[int, int], object]


class AccessChange(msgspec.Struct, frozen=True, kw_only=True):
    """What one account would gain or lose. Shape: `gained` and `lost` are resource ids, sorted.

    `in_general`: what changes for the collection, and for resources the account has no relation to.
    """

    account_id: str
    account_name: str
    email: str
    kind: str
    action: str
    in_general: Change | None
    gained: list[str]
    lost: list[str]


class AllowedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account that is allowed an action, and the rules that allow it."""

    account_id: str
    account_name: str
    email: str
    role: str
    rules: list[str]


@dataclass(frozen=True, slots=True)
class AccountAccess:
    """An account with its principals and the ids of its groups."""

    actor: Actor
    principals: list[str]
    groups: list[str]


@dataclass(frozen=True, slots=True)
class ResourceSet:
    """All resources of one kind: ids, ids by owner, grants by principal, and the public ones."""

    ids: Set[str] = frozenset()
    owned: Mapping[str, list[str]] = field(default_factory=dict)
    granted: Mapping[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)
    public: Set[str] = frozenset()

    def relations_of(self, account: AccountAccess) -> dict[str, Subjects]:
        """Return the relations of an account by resource id; public resources only if there is another relation."""
        relations: dict[str, set[str]] = defaultdict(set)
        for resource_id in self.owned.get(account.actor.id, ()):
            relations[resource_id].add(OWNER)
        for holder in (("user", account.actor.id), *(("group", one) for one in account.groups)):
            for resource_id, relation in self.granted.get(holder, ()):
                if resource_id in self.ids:
                    relations[resource_id].add(relation)
        for resource_id, found in relations.items():
            if resource_id in self.public:
                found.add(EVERYONE)
        return {resource_id: frozenset(found) for resource_id, found in relations.items()}


class AccessSnapshot:
    """All accounts and resources as they were when it was taken."""

    def __init__(self, accounts: list[AccountAccess], resources: Mapping[str, ResourceSet]) -> None:
        self.accounts = accounts
        self.resources = resources

    def allowed_accounts(
        self, policies: PolicySet, action: str, kind: str, resource_id: str = ""
    ) -> Iterator[AllowedAccount]:
        """Yield the accounts that are allowed an action on a resource, or on the collection if it is empty.

        Raises: ValidationError for an unknown kind or action.
        """
        check_kind_and_action(policies, action, kind)
        rules, resources = policies.action_rules(kind, action), self._of(kind)
        public = {EVERYONE} if resource_id in resources.public else set()
        for account in self.accounts:
            relations = resources.relations_of(account).get(resource_id, EMPTY)
            subjects = policies.effective_principals(account.principals) | relations | public
            if rules.allows(subjects):
                actor = account.actor
                yield AllowedAccount(
                    account_id=actor.id,
                    account_name=actor.name,
                    email=actor.email,
                    role=actor.role,
                    rules=[
                        f"{rule} ({rule.origin})"
                        for rule in policies.rules_for(kind, action)
                        if rule.effect == "allow" and rule.subject in subjects
                    ],
                )

    def changes(
        self, before: PolicySet, after: PolicySet, progress: Progress = lambda *_: None
    ) -> Iterator[AccessChange]:
        """Yield what would change if `after` replaced `before`. Accounts without a change are left out."""
        for number, account in enumerate(self.accounts, start=1):
            old = before.effective_principals(account.principals)
            new = after.effective_principals(account.principals)
            for kind in after.kinds.values():
                resources = self._of(kind.name)
                comparison = _Comparison(
                    account, old, new, resources, resources.relations_of(account)
                )
                for action in kind.all_actions:
                    rules = (
                        before.action_rules(kind.name, action),
                        after.action_rules(kind.name, action),
                    )
                    if (old != new or rules[0] != rules[1]) and (
                        change := _compare(comparison, kind, action, *rules)
                    ):
                        yield change
            progress(number, len(self.accounts))

    def _of(self, kind: str) -> ResourceSet:
        return self.resources.get(kind, ResourceSet())


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One account and all resources of one kind. `old`, `new`: its effective principals by either policies."""

    account: AccountAccess
    old: Subjects
    new: Subjects
    resources: ResourceSet
    relations: Mapping[str, Subjects]


def _compare(
    comparison: _Comparison,
    kind: ResourceKind,
    action: str,
    old_rules: ActionRules,
    new_rules: ActionRules,
) -> AccessChange | None:
    known: dict[Subjects, Change | None] = {}

    def change(relations: Subjects) -> Change | None:
        if relations not in known:
            before = old_rules.allows(comparison.old | relations)
            after = new_rules.allows(comparison.new | relations)
            known[relations] = None if before == after else ("gained" if after else "lost")
        return known[relations]

    found: dict[Change, list[str]] = {"gained": [], "lost": []}

    def add(relations: Subjects, ids: Iterable[str]) -> None:
        if (changed := change(relations)) is not None:
            found[changed].extend(ids)

    if action in kind.actions:
        resources, related = comparison.resources, comparison.relations
        for resource_id, relations in related.items():
            add(relations, (resource_id,))
        add(frozenset({EVERYONE}), resources.public - related.keys())
        add(EMPTY, resources.ids - resources.public - related.keys())
    if not (change(EMPTY) or found["gained"] or found["lost"]):
        return None
    actor = comparison.account.actor
    return AccessChange(
        account_id=actor.id,
        account_name=actor.name,
        email=actor.email,
        kind=kind.name,
        action=action,
        in_general=change(EMPTY),
        gained=sorted(found["gained"]),
        lost=sorted(found["lost"]),
    )


async def take_access_snapshot(
    permissions: Permissions, kinds: Iterable[str] | None = None
) -> AccessSnapshot:
    """Read all accounts and resources: a few statements for accounts, two for each kind that has rows.

    `kinds`: read only these; the others have no resources in the snapshot.
    """
    known = permissions.policies.kinds
    wanted = known.keys() & (known if kinds is None else kinds)
    resources = {
        kind.name: await _read_resources(kind)
        for kind in known.values()
        if kind.table and kind.name in wanted
    }
    return AccessSnapshot(await _read_accounts(permissions), resources)


def changed_kinds(before: PolicySet, after: PolicySet) -> set[str]:
    """Return the kinds for which two policy sets may decide differently."""
    if set(map(str, before.roles)) != set(map(str, after.roles)):
        return set(after.kinds)
    return {
        kind.name
        for kind in after.kinds.values()
        if any(
            before.action_rules(kind.name, action) != after.action_rules(kind.name, action)
            for action in kind.all_actions
        )
    }


async def _read_accounts(permissions: Permissions) -> list[AccountAccess]:
    groups: dict[str, list[str]] = defaultdict(list)
    for row in await fetch_all_in_thread(
        "SELECT account_id, group_id FROM portico_group_member ORDER BY group_id"
    ):
        groups[row["account_id"]].append(row["group_id"])
    permitted = {
        row["id"]: group_permissions(row["permissions"])
        for row in await fetch_all_in_thread("SELECT id, permissions FROM portico_group")
    }
    for_everyone = await permissions.principals.for_everyone()
    accounts = []
    for row in await fetch_all_in_thread(
        "SELECT id, email, name, role FROM portico_account ORDER BY email"
    ):
        actor = Actor(row["id"], row["email"], row["name"], row["role"], "", "")
        mine = groups[actor.id]
        principals = {
            *permissions.principals.for_role(actor.role),
            f"user:{actor.id}",
            *(f"group:{group}" for group in mine),
            *for_everyone,
            *(permission for group in mine for permission in permitted.get(group, ())),
        }
        accounts.append(AccountAccess(actor, list(principals), mine))
    return accounts


async def _read_resources(kind: ResourceKind) -> ResourceSet:
    owned: dict[str, list[str]] = defaultdict(list)
    ids = set()
    select = f"SELECT {kind.id} AS id, {kind.owner} AS owner FROM {kind.table}"  # noqa: S608
    for row in await fetch_all_in_thread(select):
        ids.add(row["id"])
        if row["owner"] is not None:
            owned[row["owner"]].append(row["id"])
    granted: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    public = set()
    grants = "SELECT resource_id, action, principal_kind, principal_id FROM portico_grant WHERE resource_kind = $1"
    for row in await fetch_all_in_thread(grants, kind.name):
        if row["principal_kind"] == "everyone":
            public.add(row["resource_id"])
        else:
            holder = (row["principal_kind"], row["principal_id"])
            granted[holder].append((row["resource_id"], RELATION_BY_ACTION[row["action"]]))
    return ResourceSet(ids, dict(owned), dict(granted), public & ids)
