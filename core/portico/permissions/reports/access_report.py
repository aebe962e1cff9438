"""Everybody at once: who may do something, and who would gain or lose what by another law.

People are few in kind: what the law says depends on what somebody is in general and on how they are tied to a thing.
So everybody is asked once about things they have nothing to do with, and one by one only about those they have.
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
from portico.permissions.principals import words_of_group
from portico.permissions.reports.explain import check_words
from portico.permissions.resource import ResourceKind
from portico.permissions.subjects import EVERYONE, OWNER, RELATION_BY_ACTION, Subjects

Change = Literal["gained", "lost"]
#: Called with how many people of how many have been looked at.
Progress = Callable[[int, int], object]


class AccessChange(msgspec.Struct, frozen=True, kw_only=True):
    """What one person would gain or lose. Shape: `gained` and `lost` are ids of things, sorted.

    `in_general`: what changes for the kind as such: making one, or doing it to a thing whoever has it.
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
    """Somebody who may, and the lines that let them."""

    account_id: str
    account_name: str
    email: str
    role: str
    lines: list[str]


@dataclass(frozen=True, slots=True)
class AccountAccess:
    """Somebody, what is true of them in general, and the groups they are in."""

    actor: Actor
    words: list[str]
    groups: list[str]


@dataclass(frozen=True, slots=True)
class ResourceSet:
    """Everything of one kind: the ids, who owns it, and what was given to whom."""

    ids: Set[str] = frozenset()
    owned: Mapping[str, list[str]] = field(default_factory=dict)
    given: Mapping[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)
    public: Set[str] = frozenset()

    def ties_of(self, person: AccountAccess) -> dict[str, Subjects]:
        """What one person is tied to, by id; of the public ones only those they are tied to otherwise."""
        ties: dict[str, set[str]] = defaultdict(set)
        for resource_id in self.owned.get(person.actor.id, ()):
            ties[resource_id].add(OWNER)
        for holder in (("user", person.actor.id), *(("group", group) for group in person.groups)):
            for resource_id, tie in self.given.get(holder, ()):
                if resource_id in self.ids:
                    ties[resource_id].add(tie)
        for resource_id, found in ties.items():
            if resource_id in self.public:
                found.add(EVERYONE)
        return {resource_id: frozenset(found) for resource_id, found in ties.items()}


class AccessSnapshot:
    """Everybody and everything, as they were when it was made."""

    def __init__(self, people: list[AccountAccess], things: Mapping[str, ResourceSet]) -> None:
        self.people = people
        self.things = things

    def allowed_accounts(
        self, law: PolicySet, action: str, kind: str, resource_id: str = ""
    ) -> Iterator[AllowedAccount]:
        """Everybody who may do something with a thing, or with a kind in general.

        Raises: Misshapen for a kind or an action that policies do not know.
        """
        check_words(law, action, kind)
        plan, things = law.plan(kind, action), self.things.get(kind, ResourceSet())
        public = {EVERYONE} if resource_id in things.public else set()
        for person in self.people:
            ties = things.ties_of(person).get(resource_id, EMPTY)
            facts = law.effective_principals(person.words) | ties | public
            if plan.allows(facts):
                lines = [
                    f"{rule} ({rule.origin})"
                    for rule in law.rules_for(kind, action)
                    if rule.effect == "allow" and rule.who in facts
                ]
                actor = person.actor
                yield AllowedAccount(
                    account_id=actor.id,
                    account_name=actor.name,
                    email=actor.email,
                    role=actor.role,
                    lines=lines,
                )

    def changes(
        self, before: PolicySet, after: PolicySet, progress: Progress = lambda *_: None
    ) -> Iterator[AccessChange]:
        """What would change for whom if one law took the place of the other. Nobody is named who keeps all."""
        for number, person in enumerate(self.people, start=1):
            was, becomes = (
                before.effective_principals(person.words),
                after.effective_principals(person.words),
            )
            for kind in after.kinds.values():
                things = self.things.get(kind.name, ResourceSet())
                case = _Comparison(person, was, becomes, things, things.ties_of(person))
                for action in kind.all_actions:
                    plans = before.plan(kind.name, action), after.plan(kind.name, action)
                    if (was != becomes or plans[0] != plans[1]) and (
                        shift := _shift(case, kind, action, *plans)
                    ):
                        yield shift
            progress(number, len(self.people))


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One person and all things of one kind. `was`, `becomes`: what they are in general by either law."""

    person: AccountAccess
    was: Subjects
    becomes: Subjects
    things: ResourceSet
    ties: Mapping[str, Subjects]


def _shift(
    case: _Comparison, kind: ResourceKind, action: str, old: ActionRules, new: ActionRules
) -> AccessChange | None:
    known: dict[Subjects, Change | None] = {}

    def change(tied: Subjects) -> Change | None:
        if tied not in known:
            before, after = old.allows(case.was | tied), new.allows(case.becomes | tied)
            known[tied] = None if before == after else ("gained" if after else "lost")
        return known[tied]

    found: dict[Change, list[str]] = {"gained": [], "lost": []}

    def note(tied: Subjects, ids: Iterable[str]) -> None:
        if (changed := change(tied)) is not None:
            found[changed].extend(ids)

    if action in kind.actions:
        things = case.things
        for resource_id, tied in case.ties.items():
            note(tied, (resource_id,))
        note(frozenset({EVERYONE}), things.public - case.ties.keys())
        note(EMPTY, things.ids - things.public - case.ties.keys())
    if not (change(EMPTY) or found["gained"] or found["lost"]):
        return None
    return AccessChange(
        account_id=case.person.actor.id,
        account_name=case.person.actor.name,
        email=case.person.actor.email,
        kind=kind.name,
        action=action,
        in_general=change(EMPTY),
        gained=sorted(found["gained"]),
        lost=sorted(found["lost"]),
    )


async def take_access_snapshot(
    permissions: Permissions, kinds: Iterable[str] | None = None
) -> AccessSnapshot:
    """Look at everybody and everything: a few statements for people, two for each kind that has rows.

    `kinds`: only those; the others then seem to have no rows.
    """
    wanted = permissions.policies.kinds.keys() & (
        permissions.policies.kinds if kinds is None else kinds
    )
    things = {
        kind.name: await _things(kind)
        for kind in permissions.policies.kinds.values()
        if kind.table and kind.name in wanted
    }
    return AccessSnapshot(await _people(permissions), things)


def changed_kinds(before: PolicySet, after: PolicySet) -> set[str]:
    """The kinds of things of which two laws may say something different."""
    if set(map(str, before.roles)) != set(map(str, after.roles)):
        return set(after.kinds)
    return {
        kind.name
        for kind in after.kinds.values()
        if any(
            before.plan(kind.name, word) != after.plan(kind.name, word) for word in kind.all_actions
        )
    }


async def _people(permissions: Permissions) -> list[AccountAccess]:
    groups: dict[str, list[str]] = defaultdict(list)
    for found in await fetch_all_in_thread(
        "SELECT account_id, group_id FROM portico_group_member ORDER BY group_id"
    ):
        groups[found["account_id"]].append(found["group_id"])
    granted = {
        found["id"]: words_of_group(found["permissions"])
        for found in await fetch_all_in_thread("SELECT id, permissions FROM portico_group")
    }
    everybodys = await permissions.principals.for_everyone()
    people = []
    for found in await fetch_all_in_thread(
        "SELECT id, email, name, role FROM portico_account ORDER BY email"
    ):
        actor = Actor(found["id"], found["email"], found["name"], found["role"], "", "")
        mine = groups[actor.id]
        words = {
            *permissions.principals.for_role(actor.role),
            f"user:{actor.id}",
            *(f"member:{group}" for group in mine),
            *everybodys,
            *(word for group in mine for word in granted.get(group, ())),
        }
        people.append(AccountAccess(actor, list(words), mine))
    return people


async def _things(kind: ResourceKind) -> ResourceSet:
    owned: dict[str, list[str]] = defaultdict(list)
    ids = set()
    select = f"SELECT {kind.id} AS id, {kind.owner} AS owner FROM {kind.table}"  # noqa: S608
    for found in await fetch_all_in_thread(select):
        ids.add(found["id"])
        if found["owner"] is not None:
            owned[found["owner"]].append(found["id"])
    given: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    public = set()
    grants = "SELECT resource_id, action, principal_kind, principal_id FROM portico_grant WHERE resource_kind = $1"
    for found in await fetch_all_in_thread(grants, kind.name):
        if found["principal_kind"] == "everyone":
            public.add(found["resource_id"])
        else:
            holder = (found["principal_kind"], found["principal_id"])
            given[holder].append((found["resource_id"], RELATION_BY_ACTION[found["action"]]))
    return ResourceSet(ids, dict(owned), dict(given), public & ids)
