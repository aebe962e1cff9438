"""Side effects of sign-ins: whether their duration reveals accounts, and whether many of them delay other requests.

    .venv/bin/python -m tests.benchmarks.sign_in [--rounds 10] [--attempts 200 --at-once 200 --seconds 10]

A real server on SQLite, without rate limits.

    timing    200 attempts with a wrong password, interleaved, for an account, for an unknown address and for an account
              without a password; medians, and each as a share of the first
    flood     /api/models alone, and during 200 concurrent sign-ins; median and 99th percentile
"""

import asyncio
import statistics
import tempfile
import time
from collections import Counter
from multiprocessing import Process
from multiprocessing import Queue as queue_of
from multiprocessing.queues import Queue
from pathlib import Path

import aiohttp
import click
from tests.upstream import Upstream

from portico.testing import PASSWORD, SECRET, Client, ServerProcess

SIGN_IN = "/api/v1/auths/signin"


def timing(server: ServerProcess, attempts: int) -> dict[str, float]:
    """Return median milliseconds of sign-ins with a wrong password, by kind of account."""
    names = {"an account": "ada", "unknown address": "unknown", "without a password": "sam"}
    took: dict[str, list[float]] = {name: [] for name in names}
    client = server.client
    for _ in range(attempts // len(names)):
        for name, email in names.items():
            began = time.perf_counter()
            form = {"email": f"{email}@example.org", "password": "wrong"}
            assert client.post(SIGN_IN, form).status == 400
            took[name].append((time.perf_counter() - began) * 1000)
    return {name: statistics.median(times) for name, times in took.items()}


def listing(client: Client, seconds: float) -> list[float]:
    """Return milliseconds of each request for the list of models, one after the other, at most fifty a second."""
    took = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        assert client.get("/api/models").status == 200
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.02)
    return took


def run_sign_ins(url: str, at_once: int, seconds: float, done: "Queue[Counter[int]]") -> None:
    """Run this many sign-ins at once, each repeated after its response or its Retry-After. Runs in a separate process."""
    statuses: Counter[int] = Counter()

    async def one(session: aiohttp.ClientSession, number: int, until: float) -> None:
        form = {"email": "ada@example.org", "password": PASSWORD if number % 2 else "wrong"}
        while time.monotonic() < until:
            async with session.post(url + SIGN_IN, json=form) as answer:
                statuses[answer.status] += 1
            await asyncio.sleep(float(answer.headers.get("retry-after", 0)))

    async def all_of_them() -> None:
        until = time.monotonic() + seconds
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            await asyncio.gather(*(one(session, number, until) for number in range(at_once)))

    asyncio.run(all_of_them())
    done.put(statuses)


def flood(
    server: ServerProcess, admin: Client, at_once: int, seconds: float
) -> tuple[list[float], list[float], Counter[int]]:
    """Return the durations of the list without and with concurrent sign-ins, and the statuses of the sign-ins."""
    idle = listing(admin, seconds)
    done: Queue[Counter[int]] = queue_of()
    process = Process(target=run_sign_ins, args=(server.url, at_once, seconds + 2, done))
    process.start()
    time.sleep(1)
    busy = listing(admin, seconds)
    answered = done.get(timeout=120)
    process.join()
    return idle, busy, answered


def p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


@click.command()
@click.option("--rounds", default=10, help="Cost of a password hash. The default of Portico is 12.")
@click.option("--attempts", default=200, help="Sign-ins with a wrong password, for `timing`.")
@click.option("--at-once", default=200, help="Concurrent sign-ins, for `flood`.")
@click.option("--seconds", default=10.0, help="How long the list of models is requested.")
def main(rounds: int, attempts: int, at_once: int, seconds: float) -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as folder, Upstream() as upstream:
        environment = upstream.environment | {
            "DATA_DIR": f"{folder}/data",
            "WEBUI_SECRET_KEY": SECRET,
            "ENABLE_SIGNUP": "true",
            "PORTICO_IDENTITY_BCRYPT_ROUNDS": str(rounds),
            "PORTICO_RATE_LIMITS_ENABLED": "false",
            "GLOBAL_LOG_LEVEL": "warning",
        }
        server = ServerProcess(environment, Path(folder)).start(timeout=60)
        try:
            admin = server.client.sign_up("Ada")
            admin.add_user("Sam")
            _without_password(f"{folder}/data/portico.db")
            found = timing(server, attempts)
            for name, median in found.items():
                share = median / found["an account"]
                click.echo(f"{name:24}{median:9.1f} ms {share:8.2f}")
            idle, busy, answered = flood(server, admin, at_once, seconds)
            click.echo(f"\n{'':24}{'median':>9}    {'99th':>9}")
            for name, times in (("idle", idle), ("sign-ins beside", busy)):
                click.echo(f"{name:24}{statistics.median(times):9.1f} ms {p99(times):9.1f} ms")
            click.echo(f"{'times':24}{'':9}    {p99(busy) / p99(idle):9.1f}")
            click.echo(f"sign-ins by status: {dict(answered)}")
        finally:
            server.kill()


def _without_password(database: str) -> None:
    """Delete the password of Sam, as if the account belonged to another provider."""
    import sqlite3

    with sqlite3.connect(database) as connection:
        connection.execute(
            "DELETE FROM portico_password WHERE account_id = "
            "(SELECT id FROM portico_account WHERE email = 'sam@example.org')"
        )
    connection.close()


if __name__ == "__main__":
    main()
