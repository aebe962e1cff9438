"""Cost of requests about models, by the number of models: processor time of this process, without sockets.

    .venv/bin/python -m tests.benchmarks.models [--models 20 --models 300 --models 10000] [--afresh]

Complete applications on SQLite and on PostgreSQL, one after the other; each model is based on one of a provider. Callers:

    admin     may read all models by policy
    much      may write three quarters of the models, by name and through a group
    few       may write 20 models

Microseconds per request, and the ratio to the smallest number of models. Each request is repeated for some seconds, so
caches expire as often as on a busy server; with `--afresh`, nothing is cached. Time of a PostgreSQL server is not included.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import click
from tests.servers import fresh_database, postgres_server
from tests.upstream import KEY, Upstream

from portico.testing import SECRET, Client, InProcessApp

FEW = 20
#: Models in one request.
BLOCK = 1000

ALL, PAGE, ONE = "/api/models", "/api/v1/models/list?page=1", "/api/v1/models/model?id=m1"
REQUESTS = {
    "own account": ("much", "/api/v1/auths/"),
    "all, admin": ("admin", ALL),
    "all, much": ("much", ALL),
    "all, few": ("few", ALL),
    "page, admin": ("admin", PAGE),
    "page, much": ("much", PAGE),
    "page, few": ("few", PAGE),
    "one, admin": ("admin", ONE),
    "one, much": ("much", ONE),
    "one, few": ("few", "/api/v1/models/model?id=m0"),
}


def fill(app: InProcessApp, models: int, bases: Sequence[str]) -> dict[str, Client]:
    """Create accounts, a group, models and grants. Returns the clients by name."""
    admin = app.client.sign_up("Ada")
    clients = {"admin": admin, "much": admin.add_user("Much"), "few": admin.add_user("Few")}
    much, few = (clients[name].account["id"] for name in ("much", "few"))
    group = admin.post("/api/v1/groups/create", {"name": "Many", "description": ""}).json["id"]
    assert admin.post(f"/api/v1/groups/id/{group}/users/add", {"user_ids": [much]}).status == 200

    def model(number: int) -> dict[str, Any]:
        named = [much] if number % 4 == 1 else []
        named += [few] if number % (models // FEW) == 0 else []
        holders = {"user_ids": named, "group_ids": [group] if number % 4 > 1 else []}
        return {
            "id": f"m{number}",
            "base_model_id": bases[number % len(bases)],
            "name": f"Model {number}",
            "meta": {"description": "What it is for. " * 3, "tags": [{"name": f"tag{number % 7}"}]},
            "params": {"system": "You are a helpful assistant."},
            "access_control": {"read": holders, "write": holders},
        }

    for start in range(0, models, BLOCK):
        block = [model(number) for number in range(start, min(start + BLOCK, models))]
        answer = admin.post("/api/v1/models/import", {"models": block})
        assert answer.status == 200, answer
    for name, expected in (("admin", models), ("few", FEW)):
        found = clients[name].get(ALL).json["data"]
        assert sum("base_model_id" in one.get("info", ()) for one in found) == expected, name
    return clients


async def spent(app: InProcessApp, client: Client, target: str, seconds: float) -> float:
    """Return microseconds of processor time per request."""
    path, _, query = target.partition("?")
    headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {client.token}".encode())]
    answer: dict[str, Any] = {}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        answer.update(message)

    async def ask() -> None:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": "GET",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("testserver", 80), "state": {},
        }  # fmt: skip
        await app.asgi(scope, receive, send)  # type: ignore[arg-type]
        assert answer["status"] == 200, target

    await ask()
    count, began, end = 0, time.process_time(), time.monotonic() + seconds
    while time.monotonic() < end:
        await ask()
        await asyncio.sleep(0)
        count += 1
    return (time.process_time() - began) / count * 1e6


def measure(url: str, models: int, seconds: float, afresh: bool) -> dict[str, float]:
    """Return microseconds by the name of the request."""
    with Upstream() as upstream, tempfile.TemporaryDirectory() as directory:
        environment = {
            "DATA_DIR": directory,
            "DATABASE_URL": url,
            "WEBUI_SECRET_KEY": SECRET,
            "ENABLE_SIGNUP": "true",
            "PORTICO_IDENTITY_BCRYPT_ROUNDS": "4",
            "PORTICO_IDENTITY_SESSION_CACHE_SECONDS": "0" if afresh else "",
            "GLOBAL_LOG_LEVEL": "error",
            "OPENAI_API_BASE_URLS": upstream.url,
            "OPENAI_API_KEYS": KEY,
        }
        app = InProcessApp({name: value for name, value in environment.items() if value})
        try:
            clients = fill(app, models, [one["id"] for one in upstream.models])
            return {
                name: app.run(spent, app, clients[caller], target, seconds)
                for name, (caller, target) in REQUESTS.items()
            }
        finally:
            app.close()


def show(dialect: str, sizes: Sequence[int], found: Sequence[dict[str, float]]) -> None:
    click.echo(f"\n{dialect:20}" + "".join(f"{size:>18,}" for size in sizes))
    for name in REQUESTS:
        first = found[0][name]
        cells = (f"{one[name]:>9,.1f} ({one[name] / first:5.2f}x)" for one in found)
        click.echo(f"{name:20}" + "".join(f"{cell:>18}" for cell in cells))


@click.command(help=__doc__)
@click.option(
    "--models",
    multiple=True,
    type=click.IntRange(min=FEW),
    default=(20, 300, 10_000),
    show_default=True,
)
@click.option("--seconds", default=2.0, show_default=True, help="Duration for each request.")
@click.option("--afresh", is_flag=True, help="Cache nothing.")
@click.option("--only", type=click.Choice(["sqlite", "postgres"]), help="One database.")
def main(models: tuple[int, ...], seconds: float, afresh: bool, only: str | None) -> None:
    if only != "postgres":
        show("sqlite", models, [measure("", size, seconds, afresh) for size in models])
    if only != "sqlite":
        found = []
        with postgres_server() as server:
            for size in models:
                with fresh_database(server) as url:
                    found.append(measure(url, size, seconds, afresh))
        show("postgres", models, found)


if __name__ == "__main__":
    main()
