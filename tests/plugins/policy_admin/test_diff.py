"""`portico policy diff` with many accounts: it lists exactly the gains and losses."""

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.effort import examples

from portico.db import execute, now, transaction
from portico.identity import Actor
from portico.permissions import PolicySet, Resource
from portico.testing import Client, CommandLine, InProcessApp

pytestmark = pytest.mark.timeout(180)
PEOPLE, GROUPS, MODELS, GRANTS = examples(1000), 40, 300, 900
#: Pairs of a person and a model that are decided one by one, beside all lists.
PAIRS = examples(2000)
ACTIONS = ("list", "read", "use", "write", "delete", "share")

BEFORE = """\
g, group:g3, role:auditor
p, model, list, role:auditor, allow
p, model, read, role:auditor, allow
p, model, read, user:u7, deny
"""
#: Other auditors, readers who may use but not copy, no user denied any more.
AFTER = """\
g, group:g5, role:auditor
p, model, list, role:auditor, allow
p, model, read, role:auditor, allow
p, model, use, reader, deny
p, model, create, role:auditor, allow
"""

Changes = dict[tuple[str, str], tuple[set[str], set[str]]]


async def fill(table: str, columns: str, found: Sequence[tuple[Any, ...]]) -> None:
    """Many rows with few statements."""
    width = len(found[0])
    chunk = 900 // width
    for start in range(0, len(found), chunk):
        some = found[start : start + chunk]
        places = ", ".join(
            f"({', '.join(f'${row * width + column + 1}' for column in range(width))})"
            for row in range(len(some))
        )
        values = [value for row in some for value in row]
        await execute(f"INSERT INTO {table} ({columns}) VALUES {places}", *values)


async def seed() -> list[Actor]:
    chance = random.Random(31)  # noqa: S311 - made-up accounts, the same each time
    ids = [f"u{number}" for number in range(PEOPLE)]
    roles = [chance.choice(("user", "user", "user", "pending")) for _ in ids]
    models = [f"m{number}" for number in range(MODELS)]
    at = now()
    async with transaction():
        await fill(
            "portico_account",
            "id, email, role, name, profile_image_url, last_active_at, updated_at, created_at",
            [
                (one, f"{one}@example.org", role, one.upper(), "", at, at, at)
                for one, role in zip(ids, roles, strict=True)
            ],
        )
        await fill(
            "portico_group",
            "id, account_id, name, description, created_at, updated_at",
            [(f"g{n}", ids[0], f"Group {n}", "", at, at) for n in range(GROUPS)],
        )
        members = {(f"g{chance.randrange(GROUPS)}", chance.choice(ids)) for _ in range(2 * PEOPLE)}
        await fill(
            "portico_group_member",
            "group_id, account_id, created_at",
            [(*one, at) for one in sorted(members)],
        )
        await fill(
            "models_model",
            "id, normalized_id, user_id, base_model_id, name, search_text, meta, params, is_active, created_at, updated_at",
            [
                (one, one, chance.choice(ids), "x", one, one, "{}", "{}", True, at, at)
                for one in models
            ],
        )
        grants = {
            (
                "model",
                chance.choice(models),
                chance.choice(("read", "write")),
                *chance.choice(
                    [("user", chance.choice(ids)), ("group", f"g{chance.randrange(GROUPS)}")]
                ),
            )
            for _ in range(GRANTS)
        }
        grants |= {("model", one, "read", "everyone", "") for one in models[::20]}
        await fill(
            "portico_grant",
            "id, resource_kind, resource_id, action, principal_kind, principal_id, position, created_at",
            [(f"{n}", *one, n, at) for n, one in enumerate(sorted(grants))],
        )
    return [
        Actor(one, f"{one}@example.org", one.upper(), role, "", "")
        for one, role in zip(ids, roles, strict=True)
    ]


async def everything_seen(
    app: InProcessApp, people: list[Actor], policies: PolicySet
) -> dict[Any, set[str]]:
    """What each person finds by each action, and whether they may in general (as the id ""), one by one."""
    permissions = app.portico.permissions
    permissions.activate(policies)
    seen = {}
    for actor in people:
        for action in ACTIONS:
            seen[actor.id, action] = await permissions.visible_ids(actor, action, "model")
        for action in (*ACTIONS, "create"):
            if await permissions.allows_on_collection(actor, "model", action):
                seen.setdefault((actor.id, action), set()).add("")
    return seen


@pytest.mark.both_databases
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_diff_for_many_accounts_equals_single_decisions(
    app: InProcessApp, admin: Client, cli: CommandLine, policy_dir: Path, tmp_path: Path
) -> None:
    people = app.run(seed)
    changed = tmp_path / "changed"
    changed.mkdir()
    (policy_dir / "auditors.csv").write_text(BEFORE)
    (changed / "auditors.csv").write_text(AFTER)
    said = cli("policy", "diff", changed, "--json", code=1)
    named: dict[Any, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for shift in json.loads(said.stdout):
        assert shift["kind"] == "model"
        gained, lost = named[shift["account_id"], shift["action"]]
        gained.update(shift["gained"], [""] if shift["in_general"] == "gained" else [])
        lost.update(shift["lost"], [""] if shift["in_general"] == "lost" else [])

    async def brute() -> tuple[Any, Any]:
        service = app.portico.policies
        before, after = (
            await service.builder.compile_directory(policy_dir),
            await service.builder.compile_directory(changed),
        )
        was = await everything_seen(app, people, before)
        becomes = await everything_seen(app, people, after)
        await check_pairs(before, was)
        await check_pairs(after, becomes)
        return was, becomes

    async def check_pairs(policies: PolicySet, seen: dict[Any, set[str]]) -> None:
        permissions, chance = app.portico.permissions, random.Random(83)
        permissions.activate(policies)
        for _ in range(PAIRS):
            actor, action = chance.choice(people), chance.choice(ACTIONS)
            model = await permissions.find("model", f"m{chance.randrange(MODELS)}")
            assert isinstance(model, Resource)
            decided = await permissions.allows(actor, action, model)
            assert decided == (model.id in seen[actor.id, action]), (actor, action, model)

    was, becomes = app.run(brute)
    expected = {}
    for key in was.keys() | becomes.keys():
        gained = becomes.get(key, set()) - was.get(key, set())
        lost = was.get(key, set()) - becomes.get(key, set())
        if gained or lost:
            expected[key] = (gained, lost)
    assert dict(named) == expected
    assert any(gained for gained, _ in expected.values())
    assert any(lost for _, lost in expected.values())

    read = cli("policy", "diff", changed, code=1).stdout
    whose = {line for line in read.splitlines() if line.endswith("@example.org>")}
    assert whose == {f"{one.upper()} <{one}@example.org>" for one, _ in expected}
    summary = cli("policy", "diff", changed, "--summary", code=1).stdout
    assert summary.splitlines()[-1] == f"{len(whose)} accounts gain or lose access."
    assert cli("policy", "diff", policy_dir).stdout == "No account gains or loses access.\n"
