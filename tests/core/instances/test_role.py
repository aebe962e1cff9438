"""A process says whether it is a server or a worker, and a worker leaves the schema alone."""

import asyncio

import pytest

from portico.boot import Application, CannotStart
from portico.db import execute
from portico.instances import SchemaRefused, live_instances
from portico.settings.load import load_settings
from portico.testing import InProcessApp


def worker_of(env: dict[str, str]) -> Application:
    loaded = load_settings(environ=env)
    return Application(loaded, loaded.settings.identity.secret_key, role="worker")


async def started_and_seen(app: InProcessApp, worker: Application) -> dict[str, str]:
    """Return the roles of the live instances while the worker runs."""
    await worker.start()
    try:
        with worker.database.use():
            await worker.instance_channel.find_peers()
            assert worker.instance_channel.live_worker_ids == {worker.instance.id}
            return {one.id: one.role for one in await live_instances()}
    finally:
        await worker.stop()


def test_worker_is_known_as_such_beside_a_server(app: InProcessApp, env: dict[str, str]) -> None:
    worker = worker_of(env)
    roles = asyncio.run(started_and_seen(app, worker))
    assert roles == {app.portico.instance.id: "server", worker.instance.id: "worker"}


def test_worker_refuses_an_empty_database(env: dict[str, str]) -> None:
    async def start() -> None:
        worker = worker_of(env)
        try:
            await worker.start()
        finally:
            await worker.stop()

    with pytest.raises(CannotStart, match="run `portico migrate` first") as refused:
        asyncio.run(start())
    assert isinstance(refused.value.__cause__, SchemaRefused)


def test_instance_of_a_release_without_roles_is_a_server(app: InProcessApp) -> None:
    insert = (
        "INSERT INTO portico_instance (id, version, release, host, process, started_at, seen_at, newest_steps, "
        "tolerated_steps) SELECT 'older', version, release, host, process, started_at, seen_at, newest_steps, "
        "tolerated_steps FROM portico_instance"
    )
    app.run(execute, insert)
    assert {one.id: one.role for one in app.run(live_instances)}["older"] == "server"
