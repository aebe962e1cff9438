"""One policies, three readers: the table that decides, the SQL for lists, and Casbin as the referee must say the same."""

import json
from dataclasses import dataclass
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.permissions.conftest import NOTE, insert_group, insert_person
from tests.effort import examples

from portico.db import Database, execute, fetch_all
from portico.identity import Actor, PermissionTree
from portico.permissions import (
    Permissions,
    PolicyFile,
    Resource,
    explain_access,
    take_access_snapshot,
)
from portico.permissions.policies.parser import ParsedPolicies, RoleRule
from portico.permissions.policy_set import PolicySet
from portico.permissions.resource import PolicyRule
from portico.permissions.sharing import PUBLIC, Share, Sharing
from portico.permissions.subjects import OWNER, RELATIONS, ROLES, SWITCHES

#: Names that would mean something to a policy parser, a pattern or SQL, if any of them ever looked at names.
NAMES = (
    "ann",
    "p, ann, *, *",
    "g, bob, role:admin",
    "*",
    "/:id",
    ".*",
    "a'b\"c",
    "new\nline",
    "# no",
    "%",
)
GROUPS = ("crew", "staff", "*", "role:admin", "a,b")
NOTES = ("one", "two", "*", "p, note, *, *", "../%")

#: Roles that lines make: one leads to another, and back.
MADE = ("role:clerk", "role:auditor", "role:lead")
STANDING = (
    *(f"role:{role}" for role in ROLES),
    *SWITCHES,
    "group:crew",
    "group:staff",
    "group:none",
    "user:ann",
    "permission:workspace.models",
    "permission:chat.share",
)
WHO = (*sorted(RELATIONS), *STANDING, *MADE)


def lines(kinds: tuple[str, ...], actions: tuple[str, ...]) -> st.SearchStrategy[ParsedPolicies]:
    """Random policies: rules, and roles that lead to one another in any way."""
    rule = st.builds(
        PolicyRule,
        kind=st.sampled_from(kinds),
        action=st.sampled_from(actions),
        subject=st.sampled_from(WHO),
        effect=st.sampled_from(("allow", "allow", "deny")),
        origin=st.just(""),
    )
    role = st.builds(
        RoleRule, st.sampled_from((*STANDING, *MADE)), st.sampled_from(MADE), st.just("")
    )
    return st.builds(
        lambda rules, roles: ParsedPolicies(tuple(rules), tuple(roles)),
        st.lists(rule, max_size=8),
        st.lists(role, max_size=5),
    )


def page(policies: ParsedPolicies) -> PolicyFile:
    """The same as a file."""
    # Every role is made by some line, so that a rule may name it.
    made = [RoleRule("user:absent", role, "") for role in MADE]
    text = "".join(f"{line}\n" for line in (*policies.rules, *policies.roles, *made))
    return PolicyFile("random.csv", "random.csv", text)


@dataclass(frozen=True)
class World:
    roles: dict[str, str]
    members: dict[str, set[str]]
    permitted: dict[str, PermissionTree]
    owners: dict[str, str | None]
    shares: dict[str, list[Share]]
    policies: ParsedPolicies
    other: ParsedPolicies


@st.composite
def worlds(draw: st.DrawFn) -> World:
    people = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    groups = draw(st.lists(st.sampled_from(GROUPS), max_size=3, unique=True))
    notes = draw(st.lists(st.sampled_from(NOTES), min_size=1, max_size=4, unique=True))
    action = st.sampled_from(("read", "write"))
    holders = [("user", name) for name in people] + [("group", name) for name in groups]
    share = st.one_of(
        st.just(PUBLIC),
        st.builds(lambda a, h: Share(a, h[0], h[1]), action, st.sampled_from(holders)),
    )
    yes = st.booleans()
    tree = st.builds(lambda a, b: {"workspace": {"models": a}, "chat": {"share": b}}, yes, yes)
    return World(
        roles={name: draw(st.sampled_from(ROLES)) for name in people},
        members={name: draw(st.sets(st.sampled_from(people))) for name in groups},
        permitted={name: draw(tree) for name in people},
        owners={note: draw(st.sampled_from([None, *people])) for note in notes},
        shares={note: draw(st.lists(share, max_size=3, unique=True)) for note in notes},
        policies=draw(lines(("note", "*"), ("read", "write", "*"))),
        other=draw(lines(("note", "*"), ("read", "write", "*"))),
    )


@pytest.mark.anyio
@given(world=worlds())
@settings(
    max_examples=examples(80),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@pytest.mark.case("AB-32")
async def test_decisions_and_lists_agree_for_all_names(world: World, database: Database) -> None:
    permissions, people = await build(world)
    policies = permissions.policies

    for actor in people:
        words = frozenset(await permissions.principals.for_actor(actor))
        for action in ("read", "write", "delete"):
            decided = {
                note
                for note, owner in world.owners.items()
                if await permissions.allows(actor, action, Resource("note", note, owner))
            }
            for note, owner in world.owners.items():
                facts = words | ties(world, actor, note, owner)
                assert policies.casbin_enforcer.enforce("note", action, facts) == (note in decided)
            assert await permissions.visible_ids(actor, action, "note") == decided
            for which in (
                await permissions.where_allowed(actor, action, "note", first=2),
                await permissions.allowed_column(actor, action, "note", first=2),
            ):
                found = await fetch_all(
                    f"SELECT id FROM note_note WHERE id <> $1 AND {which.sql}", "", *which.args
                )
                assert {row["id"] for row in found} == decided
            column = await permissions.allowed_column(actor, action, "note")
            told = await fetch_all(f"SELECT id, {column.sql} AS may FROM note_note", *column.args)
            assert {row["id"] for row in told if row["may"]} == decided
            everything = [
                policies.casbin_enforcer.enforce("note", action, words | set(some))
                for count in range(len(RELATIONS) + 1)
                for some in combinations(RELATIONS, count)
            ]
            assert await permissions.allows_on_all(actor, "note", action) == all(everything)
            for note in world.owners:
                explained = await explain_access(permissions, actor.id, action, "note", note)
                assert explained.allowed == explained.casbin == (note in decided)
                assert explained.allowed == any(b.effect == "allow" for b in explained.because)


@pytest.mark.anyio
@given(world=worlds())
@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_access_report_equals_single_decisions(world: World, database: Database) -> None:
    permissions, people = await build(world)
    before, after = permissions.policies, permissions.compile([NOTE], [page(world.other)])
    surveyed = await take_access_snapshot(permissions)

    async def allowed(policies: PolicySet) -> set[tuple[str, str, str]]:
        permissions.activate(policies)
        return {
            (actor.id, action, note)
            for actor in people
            for action in NOTE.actions
            for note, owner in world.owners.items()
            if await permissions.allows(actor, action, Resource("note", note, owner))
        }

    was, becomes = await allowed(before), await allowed(after)
    shifts = list(surveyed.changes(before, after))
    assert {(s.account_id, s.action, note) for s in shifts for note in s.gained} == becomes - was
    assert {(s.account_id, s.action, note) for s in shifts for note in s.lost} == was - becomes
    for action in NOTE.actions:
        for note in world.owners:
            named = {
                one.account_id for one in surveyed.allowed_accounts(before, action, "note", note)
            }
            assert named == {who for who, what, which in was if (what, which) == (action, note)}


def ties(world: World, actor: Actor, note: str, owner: str | None) -> set[str]:
    """Worked out by hand, from the shares as they were drawn."""
    mine = {("user", actor.id)} | {("group", g) for g, m in world.members.items() if actor.id in m}
    found = {OWNER} if owner == actor.id else set()
    for share in world.shares[note]:
        if share == PUBLIC:
            found.add("everyone")
        elif (share.principal_kind, share.principal_id) in mine:
            found.add({"read": "reader", "write": "writer"}[share.action])
    return found


async def build(world: World) -> tuple[Permissions, list[Actor]]:
    for table in ("note_note", "portico_grant", "portico_group", "portico_account"):
        await execute(f"DELETE FROM {table}")

    async def permitted(account_id: str) -> PermissionTree:
        return world.permitted.get(account_id, {})

    permissions = Permissions(permitted=permitted, ttl_seconds=60)
    permissions.activate(permissions.compile([NOTE], [page(world.policies)]))
    people = [await insert_person(name, role) for name, role in world.roles.items()]
    for group, members in world.members.items():
        await insert_group(group, *(one for one in people if one.id in members))
    for number, actor in enumerate(people):
        # An actor has a permission through a group of their own.
        await insert_group(f"only-{number}", actor)
        await execute(
            "UPDATE portico_group SET permissions = $1 WHERE id = $2",
            json.dumps(world.permitted[actor.id]),
            f"only-{number}",
        )
    for note, owner in world.owners.items():
        await execute("INSERT INTO note_note (id, user_id) VALUES ($1, $2)", note, owner)
        await permissions.grants.write("note", note, Sharing(tuple(world.shares[note])))
    return permissions, people


POLICIES = lines(("note", "*"), ("read", "write", "delete", "*"))
FACTS = st.frozensets(st.sampled_from((*WHO, "user:bob", "p, note, *, *")), max_size=6)


@given(policies=POLICIES, facts=FACTS, action=st.sampled_from(NOTE.actions))
@settings(max_examples=examples(400), deadline=None)
def test_compiled_rules_decide_as_casbin_does(
    policies: ParsedPolicies, facts: frozenset[str], action: str
) -> None:
    compiled = PolicySet({"note": NOTE}, policies)
    ties = facts & RELATIONS

    decision = compiled.action_rules("note", action).allows(
        compiled.effective_principals(facts) | ties
    )

    assert decision == compiled.casbin_enforcer.enforce("note", action, facts)


@given(policies=POLICIES, facts=FACTS, action=st.sampled_from(NOTE.actions))
@settings(max_examples=examples(400), deadline=None)
def test_decision_without_grants_equals_decision_with_grants(
    policies: ParsedPolicies, facts: frozenset[str], action: str
) -> None:
    plan = PolicySet({"note": NOTE}, policies).action_rules("note", action)

    early = plan.allows_without_grants(facts - RELATIONS | facts & {OWNER})

    assert early in (None, plan.allows(facts))
