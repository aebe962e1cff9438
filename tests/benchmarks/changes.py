"""Time until another instance follows a change, for everything that instances cache.

    .venv/bin/python -m tests.benchmarks.changes [--only sqlite] [--rounds 5] [--change groups …] [--way "Redis away" …]

Two instances on one database, in this process. Before each change the other one is asked all the time, so that its caches
are as new as they can be. The longest time of all rounds, in milliseconds. One second is promised.
"""

import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click
from tests.instance_changes import EVERYTHING, Changes, Two
from tests.redis_server import RedisServer
from tests.servers import fresh_database, postgres_server
from tests.upstream import Upstream

from portico.testing import SECRET, InProcessApp

NAMES = {one.__name__: one for one in EVERYTHING}
WAYS = ("no Redis", "Redis", "Redis away", "Redis hangs")
#: Seconds for which the other instance is asked before a change, at most.
WARM_SECONDS = 0.6


def longest(two: Two, changes: Changes) -> float:
    """Make the changes, and return the longest time in milliseconds."""
    found = 0.0
    for step in changes(two):
        until = time.monotonic() + random.uniform(0, WARM_SECONDS)
        while time.monotonic() < until:
            step.what(two.there)
        step.what(two.here)
        step.change()
        found = max(found, two.both(step.what, step.expected) * 1000)
    return found


def measure(way: str, url: str, names: Sequence[str], rounds: int) -> dict[str, float]:
    """Return the longest time by kind of change."""
    with ExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory())
        upstream = running.enter_context(Upstream())
        environment = upstream.environment | {
            "DATA_DIR": str(Path(folder) / "data"),
            "WEBUI_SECRET_KEY": SECRET,
            "ENABLE_SIGNUP": "true",
            "DEFAULT_USER_ROLE": "user",
            "PORTICO_IDENTITY_BCRYPT_ROUNDS": "4",
            "GLOBAL_LOG_LEVEL": "ERROR",
            "PORTICO_RATE_LIMITS_ENABLED": "false",
        }
        if url:
            environment |= {"DATABASE_URL": url}
        if way != "no Redis":
            redis = RedisServer().start()
            running.callback(redis.close)
            environment |= {"REDIS_URL": redis.url}
        apps = [InProcessApp(environment) for _ in range(2)]
        for app in apps:
            running.callback(app.close)
        two = Two(*apps)
        while not all(app.portico.instance_channel.has_peers for app in apps):
            time.sleep(0.01)
        if way == "Redis away":
            redis.stop()
        elif way == "Redis hangs":
            redis.stun()
        return {name: max(longest(two, NAMES[name]) for _ in range(rounds)) for name in names}


@click.command()
@click.option("--only", type=click.Choice(("sqlite", "postgres")))
@click.option("--rounds", default=5, show_default=True)
@click.option(
    "--change", "names", multiple=True, type=click.Choice(list(NAMES)), default=list(NAMES)
)
@click.option("--way", "ways", multiple=True, type=click.Choice(WAYS), default=WAYS)
def main(only: str | None, rounds: int, names: Sequence[str], ways: Sequence[str]) -> None:
    """Measure the time until another instance follows a change."""
    with ExitStack() as running:
        databases = [only] if only else ["sqlite", "postgres"]
        columns = []
        for database in databases:
            for way in ways:
                url = ""
                if database == "postgres":
                    server = running.enter_context(postgres_server())
                    url = running.enter_context(fresh_database(server))
                columns.append((f"{database}, {way}", measure(way, url, names, rounds)))
        click.echo(f"{'milliseconds':24}" + "".join(f"{title:>24}" for title, _ in columns))
        for name in names:
            row = "".join(f"{found[name]:24.0f}" for _, found in columns)
            click.echo(f"{name.replace('_', ' '):24}{row}")


if __name__ == "__main__":
    main()
