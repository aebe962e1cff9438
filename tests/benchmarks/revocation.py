"""Time from a revocation to the end of connections, for all kinds of revocations and connections.

    .venv/bin/python -m tests.benchmarks.revocation [--postgres] [--setup "one instance" --way sign-out …]

Real server processes. Milliseconds from the response to the revoking request until a request is refused, the socket
closed or the stream ended, on another instance where there are two. One second is promised.
"""

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click
from tests.end_to_end.revocation_helpers import (
    HOLDS,
    KEY_WAYS,
    SETTINGS,
    SETUPS,
    WAYS,
    Scene,
    credential,
)
from tests.open_connections import eventually, install_probe
from tests.redis_server import RedisServer
from tests.servers import fresh_database, postgres_server
from tests.upstream import Upstream

from portico.testing import SECRET, Client, ServerProcess

ALL_WAYS = tuple(WAYS | KEY_WAYS)


def settings(folder: Path, upstream: Upstream) -> dict[str, str]:
    return (
        upstream.environment
        | SETTINGS
        | {
            "DATA_DIR": str(folder / "data"),
            "WEBUI_SECRET_KEY": SECRET,
            "ENABLE_SIGNUP": "true",
            "DEFAULT_USER_ROLE": "user",
            "PORTICO_IDENTITY_BCRYPT_ROUNDS": "4",
            "PYTHONPATH": str(folder / "site"),
        }
    )


def measure(
    setup: str, ways: Sequence[str], environment: dict[str, str], folder: Path
) -> dict[str, dict[str, float]]:
    """Return milliseconds by kind of revocation and kind of connection."""
    with ExitStack() as running:
        if "Redis" in setup:
            redis = RedisServer().start()
            running.callback(redis.close)
            environment = environment | {"REDIS_URL": redis.url}
        servers = []
        for number in range(1 if setup == "one instance" else 2):
            (folder / f"server-{number}").mkdir()
            servers.append(ServerProcess(environment, folder / f"server-{number}").start())
            running.callback(servers[-1].kill)
        admin = servers[0].client.sign_up("Ada")
        if "stopped" in setup:
            redis.stop()
        return {name: _one(servers, admin, f"P{number}", name) for number, name in enumerate(ways)}


def _one(servers: list[ServerProcess], admin: Client, name: str, way: str) -> dict[str, float]:
    user = admin.add_user(name)
    held = credential(way, user, servers[-1])
    holds = {kind: hold(servers[-1], held) for kind, hold in HOLDS.items()}
    time.sleep(0.5)  # so that the connections are established
    assert holds["HTTP"].is_live  # and the session is cached
    (WAYS | KEY_WAYS)[way](Scene(admin, user, Client(servers[0].client.transport, held.token)))
    taken_at = time.monotonic()
    found = {}
    assert eventually(lambda: not any(hold.is_live for hold in holds.values()))
    for kind, hold in holds.items():
        hold.close()
        found[kind] = max(0.0, (hold.ended_at - taken_at) * 1000)
    return found


@click.command()
@click.option("--postgres", is_flag=True, help="On PostgreSQL instead of SQLite.")
@click.option("--setup", "setups", multiple=True, type=click.Choice(SETUPS), default=SETUPS)
@click.option("--way", "ways", multiple=True, type=click.Choice(ALL_WAYS), default=ALL_WAYS)
def main(postgres: bool, setups: Sequence[str], ways: Sequence[str]) -> None:
    """Print a table for each setup."""
    for setup in setups:
        with ExitStack() as running:
            folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
            upstream = running.enter_context(Upstream())
            install_probe(folder / "site")
            environment = settings(folder, upstream)
            if postgres:
                server = running.enter_context(postgres_server())
                url = running.enter_context(fresh_database(server))
                environment["DATABASE_URL"] = url
            click.echo(f"\n{setup:28}" + "".join(f"{kind:>12}" for kind in HOLDS))
            for way, found in measure(setup, ways, environment, folder).items():
                click.echo(f"{way:28}" + "".join(f"{found[kind]:9.0f} ms" for kind in HOLDS))


if __name__ == "__main__":
    main()
