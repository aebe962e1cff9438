"""One law, three readers: the table that decides, the SQL for lists, and Casbin as the referee must say the same."""

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.permissions.conftest import NOTE, insert_group, insert_person

from portico.db import Database, execute, rows
from portico.identity import Actor
from portico.permissions import Permissions, PolicyLine, Resource
from portico.permissions.law import Law
from portico.permissions.policy import Rule
from portico.permissions.relations import RELATIONS, ROLES, Facts, Grant
from portico.permissions.sharing import PUBLIC, Share, Sharing

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
GROUPS = ("crew", "*", "role:admin", "a,b")
NOTES = ("one", "two", "*", "p, note, *, *", "../%")


@dataclass(frozen=True)
class World:
    roles: dict[str, str]
    members: dict[str, set[str]]
    owners: dict[str, str | None]
    shares: dict[str, list[Share]]
    law: list[PolicyLine]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    people = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    groups = draw(st.lists(st.sampled_from(GROUPS), max_size=2, unique=True))
    notes = draw(st.lists(st.sampled_from(NOTES), min_size=1, max_size=4, unique=True))
    action = st.sampled_from(("read", "write"))
    holders = [("user", name) for name in people] + [("group", name) for name in groups]
    share = st.one_of(
        st.just(PUBLIC),
        st.builds(lambda a, h: Share(a, h[0], h[1]), action, st.sampled_from(holders)),
    )
    line = st.builds(
        PolicyLine,
        st.sampled_from(("note", "*")),
        st.sampled_from(("read", "write", "*")),
        st.sampled_from(sorted(RELATIONS)),
        st.sampled_from(("allow", "allow", "deny")),
    )
    return World(
        roles={name: draw(st.sampled_from(ROLES)) for name in people},
        members={name: draw(st.sets(st.sampled_from(people))) for name in groups},
        owners={note: draw(st.sampled_from([None, *people])) for note in notes},
        shares={note: draw(st.lists(share, max_size=3, unique=True)) for note in notes},
        law=draw(st.lists(line, max_size=6)),
    )


@pytest.mark.anyio
@given(world=worlds())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_AB_32_decisions_and_lists_agree_whatever_people_groups_and_things_are_called(
    world: World, database: Database
) -> None:
    permissions, people = await build(world)

    for actor in people:
        for action in ("read", "write", "delete"):
            decided = {
                note
                for note, owner in world.owners.items()
                if await permissions.decide(actor, action, Resource("note", note, owner))
            }
            assert await permissions.visible_ids(actor, action, "note") == decided
            which = permissions.visible(actor, action, "note", first=2)
            found = await rows(
                f"SELECT id FROM note_note WHERE id <> $1 AND {which.sql}", "", *which.args
            )
            assert {row["id"] for row in found} == decided


async def build(world: World) -> tuple[Permissions, list[Actor]]:
    for table in ("note_note", "portico_grant", "portico_group", "portico_account"):
        await execute(f"DELETE FROM {table}")
    permissions = Permissions()
    permissions.enact([NOTE], world.law)
    people = [await insert_person(name, role) for name, role in world.roles.items()]
    for group, members in world.members.items():
        await insert_group(group, *(one for one in people if one.id in members))
    for note, owner in world.owners.items():
        await execute("INSERT INTO note_note (id, user_id) VALUES ($1, $2)", note, owner)
        await permissions.grants.write("note", note, Sharing(tuple(world.shares[note])))
    return permissions, people


RULES = st.lists(
    st.builds(
        Rule,
        kind=st.sampled_from(("note", "*")),
        action=st.sampled_from(("read", "write", "delete", "*")),
        who=st.sampled_from(sorted(RELATIONS)),
        effect=st.sampled_from(("allow", "deny")),
        origin=st.just(""),
    ),
    max_size=8,
)
FACTS = st.builds(
    Facts,
    actor_id=st.sampled_from(NAMES),
    role=st.sampled_from((*ROLES, "role:admin", "*")),
    owner_id=st.sampled_from((None, *NAMES)),
    grants=st.frozensets(st.sampled_from(list(Grant))),
)


@given(rules=RULES, facts=FACTS, action=st.sampled_from(NOTE.actions))
@settings(max_examples=400, deadline=None)
def test_the_compiled_table_decides_as_the_referee_does(
    rules: list[Rule], facts: Facts, action: str
) -> None:
    law = Law({"note": NOTE}, rules)

    decision = law.plan("note", action).decide(facts)

    assert decision == law.referee.enforce("note", action, facts)


@given(rules=RULES, facts=FACTS, action=st.sampled_from(NOTE.actions))
@settings(max_examples=400, deadline=None)
def test_a_decision_made_without_grants_is_the_one_that_grants_would_lead_to(
    rules: list[Rule], facts: Facts, action: str
) -> None:
    plan = Law({"note": NOTE}, rules).plan("note", action)

    early = plan.decide_without_grants(Facts(facts.actor_id, facts.role, facts.owner_id))

    assert early in (None, plan.decide(facts))
