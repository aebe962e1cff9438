"""Plugins that never return: the start goes on without them, and names each with its file and line."""

import textwrap
from collections.abc import Callable

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import InProcessApp

HEAD = """
import asyncio, threading, time
from portico.api import Listener, PluginInfo, hookimpl
PLUGIN = PluginInfo(api_version=1, summary="")
"""
#: What hangs, by plugin, the line of the file at which it does, and what the reason says.
HANGING = {
    "computes": ("while True:\n    pass", (4, 5), "import"),
    "blocks": ("threading.Event().wait()", (4,), "import"),
    "retries": (
        "while True:\n    try:\n        time.sleep(60)\n    except Exception:\n        continue",
        (6,),
        "import",
    ),
    "hook": (
        "@hookimpl\ndef register_components():\n    time.sleep(3600)",
        (6,),
        "register_components",
    ),
    "lazy": (
        "@hookimpl\ndef register_listeners():\n    yield Listener(int, print)\n    threading.Lock().acquire(); time.sleep(60)",
        (7,),
        "register_listeners",
    ),
    "waits": ("@hookimpl\nasync def startup():\n    await asyncio.Event().wait()", (6,), "startup"),
    "spins": ("@hookimpl\nasync def startup():\n    while True:\n        pass", (6, 7), "startup"),
    "ignores": (
        "@hookimpl\nasync def startup():\n    for _ in range(9):\n        try:\n            await asyncio.sleep(60)\n"
        "        except BaseException:\n            pass",
        (4,),
        "startup",
    ),
}


@pytest.mark.case("AB-82")
def test_plugins_that_hang_fail_at_their_line_and_the_rest_serves(
    env: dict[str, str], install: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    for name, (code, _, _) in HANGING.items():
        install(name, textwrap.dedent(HEAD).strip() + "\n" + code)
    install("fine", HEAD)
    limits = {f"PORTICO_PLUGINS_{which}_LIMIT": "0.1" for which in ("LOAD", "STARTUP")}
    few = {"PORTICO_PLUGINS_ONLY": ",".join((*HANGING, "fine")), "PORTICO_PLUGINS_REQUIRED": "fine"}
    app = InProcessApp(env | limits | few | {"PORTICO_STRICT": "false"})
    try:
        assert app.client.get("/health").status == 200
        ready = {one["plugin"]: one["fault"] for one in app.client.get("/ready").json["reasons"]}
        assert ready == dict.fromkeys(HANGING, "timeout")
        for name, (_, lines, doing) in HANGING.items():
            record = app.portico.registry[name]
            assert record.reason.startswith(f"{doing}: it did not end within 0.1 s"), name
            assert record.at in {f"made_up_{name}.py:{line}" for line in lines}, name
        assert app.portico.registry["fine"].state == "active"
    finally:
        app.close()
    log = capfd.readouterr().err
    assert all(
        f'"plugin": "{name}", "doing": "{doing}"' in log for name, (*_, doing) in HANGING.items()
    )
