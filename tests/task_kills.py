"""Tasks whose processes are killed: a plugin with effects that are counted, and a run that kills processes at random."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.temporary_plugins import write_plugin

from portico.db import execute, fetch_all
from portico.testing import InProcessApp
from portico.testing.processes import PorticoProcess

PLUGIN = """
    import asyncio
    import os
    import random
    import signal
    import time

    import msgspec

    from portico.api import PluginInfo, hookimpl
    from portico.api.db import execute
    from portico.api.tasks import TaskType

    PLUGIN = PluginInfo(api_version=1, summary="Has effects that are counted.")

    class Effect(msgspec.Struct):
        seconds: float = 0.0
        dies: str = ""  # "once", "always", or never

    async def write(run, effect):
        await asyncio.sleep(random.uniform(0, effect.seconds))
        async with run.completing():
            await execute("INSERT INTO effects (task_id) VALUES ($1)", run.id)
            if effect.dies == "always" or effect.dies and run.tries == 1:
                os.kill(os.getpid(), signal.SIGKILL)

    async def block(run, effect):
        time.sleep(effect.seconds)

    async def wait(run, effect):
        await asyncio.Event().wait()

    @hookimpl
    def register_tasks():
        return [
            TaskType("effects:block", Effect, block),
            TaskType("effects:endless", Effect, wait, time_limit=3600),
            TaskType("effects:write", Effect, write, max_tries=100, backoff=0.1),
            TaskType("effects:poison", Effect, write, max_tries=1, backoff=0.1),
        ]
"""
#: Settings of the process that creates tasks and watches them, but runs none.
WATCHES = {"PORTICO_TASKS_RUNNER": "worker"}
_LEFT = "SELECT COUNT(*) AS tasks FROM portico_task WHERE name LIKE 'effects:%' AND status IN ('pending', 'running')"


def install_effects(folder: Path) -> dict[str, str]:
    """Install the plugin in its own folder. Returns the settings with which a process finds it."""
    site = folder / "site"
    write_plugin(site, "effects", PLUGIN, "made_up_effects", "made-up-effects")
    return {"PYTHONPATH": str(site)}


def create_effects(app: InProcessApp, count: int, seconds: float = 0.0) -> list[str]:
    """Create so many tasks in one transaction, each of which takes at most so many seconds, and return their ids."""
    return [create_effect(app, seconds=seconds) for _ in range(count)]


def create_effect(app: InProcessApp, name: str = "effects:write", **arguments: Any) -> str:
    """Create one task and return its id."""
    tasks = app.portico.tasks

    async def work() -> str:
        return await tasks.create(name, tasks.types[name].arguments(**arguments))

    created: str = app.run(work)
    return created


def make_table(app: InProcessApp) -> None:
    """Make the table that has a row for each effect."""
    app.run(execute, "CREATE TABLE effects (task_id TEXT NOT NULL)")


def effects_of(app: InProcessApp) -> Counter[str]:
    """Return how many effects each task has had."""
    return Counter(row["task_id"] for row in app.run(fetch_all, "SELECT task_id FROM effects"))


def tasks_left(app: InProcessApp) -> int:
    """Return how many tasks have not ended."""
    left: int = app.run(fetch_all, _LEFT)[0]["tasks"]
    return left


def kill_at_random(
    app: InProcessApp, processes: Sequence[PorticoProcess], kills: int, seconds: float
) -> int:
    """Kill one of the processes, start it again, and so on, until all tasks have ended. Return how often one was killed.

    `kills`: at most so many. `seconds`: the longest time between two of them.
    """
    killed = 0
    while tasks_left(app):
        time.sleep(random.uniform(0.02, seconds))
        if killed < kills and tasks_left(app):
            one = random.choice(processes)
            one.kill()
            one.start()
            killed += 1
    return killed
