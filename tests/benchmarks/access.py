"""Cost of access checks: one decision, and one page of readable models, by the number of stored models.

    .venv/bin/python -m tests.benchmarks.access [--models 100 --models 10000 --models 100000] [--plans]

On SQLite and on PostgreSQL: 1,000 groups, 1,000 users, and a growing number of models. Actors:

    few       may write 10 own models and 12 shared ones, by name and through groups
    much      may read half of all models, through one group
    public    owns nothing; every other model is public
    oldest    may write the 1,500 oldest models through one group, and no other
    many groups   is in all 1,000 groups, each of which may read one model
    admin     may read all models by policy

Times are medians in microseconds; the growth is the last column over the first.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from tests.servers import fresh_database, postgres_server

from portico.audit import TABLES as AUDIT
from portico.db import Database, DatabaseSettings, fetch_all, migrate, open_database, transaction
from portico.identity import TABLES as IDENTITY
from portico.identity import Actor
from portico.permissions import TABLES as PERMISSIONS
from portico.permissions import PackagedPolicy, Permissions, Resource, ResourceKind
from portico_models.records.resource_kind import COLLECTION_ACTIONS, ITEM_ACTIONS, KIND
from portico_models.tables import TABLES as MODELS

GROUPS = 1000
USERS = 1000
ROUNDS = 200
PAGE = 30

ACTORS = {
    "few": Actor("few", "", "", "user", "", ""),
    "much": Actor("much", "", "", "user", "", ""),
    "oldest": Actor("oldest", "", "", "user", "", ""),
    "public": Actor("public", "", "", "user", "", ""),
    "many groups": Actor("joiner", "", "", "user", "", ""),
    "admin": Actor("root", "", "", "admin", "", ""),
}


async def fill(models: int, report: Callable[[int], object]) -> None:
    """Insert accounts, groups, memberships, models and grants."""
    users = [f"user-{n}" for n in range(USERS)] + [actor.id for actor in ACTORS.values()]
    await insert(
        "portico_account (id, email, role, name, profile_image_url, last_active_at, updated_at, created_at)",
        [
            (one, f"{one}@example.org", "admin" if one == "root" else "user", one, "", 0, 0, 0)
            for one in users
        ],
    )
    await insert(
        "portico_group (id, account_id, name, description, created_at, updated_at)",
        [(f"group-{n}", "root", f"Group {n}", "", 0, 0) for n in range(GROUPS)],
    )
    members = [(f"group-{n % GROUPS}", f"user-{n % USERS}", 0) for n in range(GROUPS)]
    members += [(f"group-{n}", "joiner", 0) for n in range(GROUPS)]
    members += [("group-3", "oldest", 0)]
    members += [("group-0", "much", 0), ("group-1", "few", 0), ("group-2", "few", 0)]
    await insert("portico_group_member (group_id, account_id, created_at)", members)

    def owner(number: int) -> str:
        return "few" if number % (models // 10) == 3 else f"user-{number % USERS}"

    step = 10_000
    for start in range(0, models, step):
        numbers = range(start, min(models, start + step))
        await insert(
            "models_model (id, normalized_id, user_id, base_model_id, name, search_text, is_active, updated_at, "
            "created_at, meta, params)",
            [
                (
                    f"m{n}",
                    f"m{n}",
                    owner(n),
                    "base",
                    f"Model {n}",
                    f"model {n}",
                    True,
                    n,
                    n,
                    "{}",
                    "{}",
                )
                for n in numbers
            ],
        )
        await insert(GRANTS, [grant for n in numbers for grant in grants(n, models)])
        report(len(numbers))


GRANTS = "portico_grant (id, resource_kind, resource_id, action, principal_kind, principal_id, position, created_at)"


def grants(number: int, models: int) -> Iterable[tuple[Any, ...]]:
    """Yield the grants of one model. Of two neighbours one is shared with a large group and the other with everyone."""
    holders = [("group", "group-0")] if number % 2 else []
    if number % 4 == 2:
        holders.append(("everyone", ""))
    if number < 1500 and number != 3:
        holders.append(("group", "group-3"))
    if number < GROUPS:
        holders.append(("group", f"group-{number}"))
    if number % (models // 10) == 7:
        holders.append(("user", "few"))
    for position, (kind, holder) in enumerate(holders):
        for action in ("read", "write"):
            if (kind, action) != ("everyone", "write"):
                yield (
                    f"g{number}-{position}{action}",
                    KIND,
                    f"m{number}",
                    action,
                    kind,
                    holder,
                    position,
                    0,
                )


async def insert(into: str, values: Sequence[tuple[Any, ...]]) -> None:
    """Insert many rows per statement, all in one transaction."""
    width = len(values[0]) if values else 1
    many = 900 // width
    async with transaction():
        for start in range(0, len(values), many):
            some = values[start : start + many]
            places = ", ".join(
                "(" + ", ".join(f"${row * width + column + 1}" for column in range(width)) + ")"
                for row in range(len(some))
            )
            flat = [value for one in some for value in one]
            await fetch_all(f"INSERT INTO {into} VALUES {places} RETURNING 1", *flat)


async def median(work: Callable[[], Awaitable[object]], rounds: int = ROUNDS) -> float:
    """Return the median of several runs in microseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        await work()
        times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times)


def new_permissions(moment: float) -> Permissions:
    permissions = Permissions(ttl_seconds=moment)
    kind = ResourceKind(KIND, "models_model", ITEM_ACTIONS, collection_actions=COLLECTION_ACTIONS)
    permissions.activate_packaged([kind], [PackagedPolicy("portico_policies", "models.csv")])
    return permissions


async def page(permissions: Permissions, actor: Actor, prefix: str = "") -> list[dict[str, Any]]:
    action = "write" if actor.id in ("few", "oldest") else "read"
    which = await permissions.where_allowed(actor, action, KIND)
    return await fetch_all(
        f"{prefix}SELECT id, name FROM models_model WHERE {which.sql} "
        f"ORDER BY created_at DESC, id LIMIT {PAGE}",
        *which.args,
    )


async def measure(database: Database, models: int, plans: bool) -> dict[str, float]:
    """Return medians by the name of the measurement."""
    uncached, cached = new_permissions(0), new_permissions(3600)
    one = Resource(KIND, f"m{models // 2}", "user-0")
    reader = ACTORS["much"]
    found = {
        "decide, cached": await median(lambda: cached.allows(reader, "read", one), 2000),
        "decide by policy alone": await median(
            lambda: uncached.allows(ACTORS["admin"], "read", one), 2000
        ),
        "decide, uncached": await median(lambda: uncached.allows(reader, "read", one)),
        "decide, uncached, 1,000 groups": await median(
            lambda: uncached.allows(ACTORS["many groups"], "read", one)
        ),
    }
    for name, actor in ACTORS.items():
        found[f"page, {name}"] = await median(lambda actor=actor: page(cached, actor))
        if plans:
            prefix = (
                "EXPLAIN (COSTS OFF) " if database.dialect == "postgres" else "EXPLAIN QUERY PLAN "
            )
            click.echo(f"\n{database.dialect}, {models} models, page, {name}")
            for line in await page(cached, actor, prefix):
                click.echo("    " + str(line.get("detail") or line.get("QUERY PLAN")))
    return found


async def run(url: str, models: int, plans: bool) -> dict[str, float]:
    """Measure on a separate database."""
    with tempfile.TemporaryDirectory() as directory:
        database = open_database(
            DatabaseSettings(url=url, sqlite_synchronous="normal"), Path(directory)
        )
        await database.start()
        try:
            sets = {
                "audit": AUDIT,
                "identity": IDENTITY,
                "permissions": PERMISSIONS,
                "models": MODELS,
            }
            await migrate(database, sets)
            with database.use():
                with click.progressbar(
                    length=models, label=f"{database.dialect:8} {models:7}"
                ) as bar:
                    await fill(models, bar.update)
                # PostgreSQL does so by itself after a while; SQLite does not.
                if database.dialect == "postgres":
                    await database.script("ANALYZE")
                return await measure(database, models, plans)
        finally:
            await database.stop()


def show(dialect: str, sizes: Sequence[int], found: Sequence[dict[str, float]]) -> None:
    click.echo(f"\n{dialect:30}" + "".join(f"{size:>12,}" for size in sizes) + "      growth")
    for name in found[0]:
        values = [one[name] for one in found]
        click.echo(
            f"{name:30}"
            + "".join(f"{v:>12,.1f}" for v in values)
            + f"{values[-1] / values[0]:>11.2f}x"
        )


@click.command(help=__doc__)
@click.option(
    "--models", multiple=True, type=int, default=(100, 10_000, 100_000), show_default=True
)
@click.option("--plans", is_flag=True, help="Print the query plans.")
@click.option("--only", type=click.Choice(["sqlite", "postgres"]), help="One database.")
def main(models: tuple[int, ...], plans: bool, only: str | None) -> None:
    if only != "postgres":
        show("sqlite", models, [asyncio.run(run("", size, plans)) for size in models])
    if only != "sqlite":
        found = []
        with postgres_server() as server:
            for size in models:
                with fresh_database(server) as url:
                    found.append(asyncio.run(run(url, size, plans)))
        show("postgres", models, found)


if __name__ == "__main__":
    main()
