"""One soak test: load on a real server for some minutes, and the report."""

import contextlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.soak.load import FAILING, Load
from tests.soak.measuring import Report, Watch, worker_of
from tests.temporary_plugins import write_plugin
from tests.upstream import Upstream

from portico.testing import SECRET, Client, CommandLine, ServerProcess

SETTINGS = {
    "WEBUI_SECRET_KEY": SECRET,
    "ENABLE_SIGNUP": "true",
    "DEFAULT_USER_ROLE": "user",
    "PORTICO_IDENTITY_BCRYPT_ROUNDS": "4",
    "ENABLE_API_KEYS": "true",
    # All clients have one address here, and the counters of attempts must not grow for longer than a minute.
    "PORTICO_RATE_LIMITS_WINDOW_SECONDS": "30",
    "PORTICO_RATE_LIMITS_ACCOUNT_WINDOW_SECONDS": "60",
    "PORTICO_RATE_LIMITS_ADDRESS_FAILURES": "1000000",
    "PORTICO_RATE_LIMITS_ACCOUNT_ATTEMPTS": "1000000",
    "MODELS_CACHE_TTL": "1",
}


def soak(
    seconds: float,
    folder: Path,
    settings: Mapping[str, str],
    *,
    prints: bool = False,
    diagnoses: bool = False,
) -> Report:
    """Put load on a server for `seconds`, and report. `diagnoses`: read from the server which objects it holds."""
    names = ("good", "endless", *FAILING)
    models = [{"id": name, "object": "model", "created": 7} for name in names]
    with Upstream(models=models) as upstream, contextlib.ExitStack() as end:
        environment = upstream.environment | SETTINGS | {"DATA_DIR": str(folder / "data")}
        environment |= settings
        if diagnoses:
            environment |= install(folder)
        server = ServerProcess(environment, folder).start()
        end.callback(server.kill)
        admin = server.client.sign_up("Ada")
        for model in names:
            form = {"id": model, "name": model, "base_model_id": None, "meta": {}, "params": {}}
            assert (
                admin.post("/api/v1/models/create", form | {"access_control": None}).status == 200
            )
        load = Load(admin, server.url)
        assert server.process is not None
        watch = Watch(worker_of(server.process.pid), max(0.25, seconds / 180), prints=prints)
        watch.start()
        load.start()
        rest = threading.Event()
        notes: list[str] = []
        for third in range(3):
            for _ in range(10):
                rest.wait(seconds / 30)
                upstream.requests.clear()
            if diagnoses and third in (0, 2):
                notes += [f"held after {third + 1}/3:", *held(admin)]
        watch.stop()
        load.stop()
        listed = admin.get("/api/v1/plugins").json
        stalls = {one["name"]: one["counters"] for one in listed if one["counters"]["stalls"]}
        assert server.stop() == 0
        checked = CommandLine(environment, folder)("db", "check", "--json", code=None)
        orphans = "" if checked.returncode == 0 else checked.stdout.strip() or checked.stderr
        done, failed = dict(load.done), dict(load.failed)
        return Report(watch.samples, done, failed, orphans, stalls, notes=notes)


#: A plugin that reports objects of the process: by type, containers with more entries than at the first call, and lines
#: that allocated most since then. `gc` does not list texts and tuples of texts; they are found through their containers.
HOLDER = """
import collections, gc, sys, tracemalloc
from portico.api import PluginInfo, hookimpl
from portico.api.web import get
PLUGIN = PluginInfo(summary="Reports objects in memory.", api_version=1)
before = [collections.Counter(), {}, None]

def inspect():
    counts, sizes, seen = collections.Counter(), {}, set()
    for holder in gc.get_objects():
        if holder is before or holder is before[1]:
            continue
        for one in (holder, *gc.get_referents(holder)):
            if isinstance(one, (dict, list, set, collections.deque)) and len(one) >= 100:
                size, names = sizes.setdefault(id(one), (len(one), set()))
                if one is not holder:
                    names.add(type(holder).__qualname__)
            if id(one) not in seen:
                seen.add(id(one))
                counts[type(one).__qualname__] += 1
    return counts, sizes

@get("/api/x/holder/", access="admin")
async def hold() -> list[str]:
    gc.collect()
    counts, sizes = inspect()
    lines = [f"{sys.getallocatedblocks()} blocks of Python"]
    lines += [f"{count:8d} more {name}" for name, count in (counts - before[0]).most_common(15)]
    grown = [(size - before[1].get(one, (0,))[0], size, names) for one, (size, names) in sizes.items()]
    grown.sort(key=lambda one: -one[0])
    lines += [f"{more:8d} more in what {sorted(names)} hold, now {size}" for more, size, names in grown[:15] if more > 0]
    if tracemalloc.is_tracing():
        taken = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, tracemalloc.__file__)])
        if before[2] is not None:
            lines += [str(one) for one in taken.compare_to(before[2], "lineno")[:25]]
        before[2] = taken
    before[:2] = counts, sizes
    return lines

@hookimpl
def register_routes():
    return [hold]

@hookimpl
def startup():
    tracemalloc.start()
"""


def install(folder: Path) -> dict[str, str]:
    """Install the plugin in its own folder. Returns the settings with which a server finds it."""
    site = folder / "site"
    write_plugin(site, "holder", HOLDER, "holder", "holder")
    return {"PYTHONPATH": str(site)}


def held(admin: Client) -> list[str]:
    answer = admin.get("/api/x/holder/")
    return [f"  {line}" for line in json.loads(answer.body)] if answer.status == 200 else []
