"""A real server with plugins that hang while it starts and stops, and with handlers that exit."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.database_templates import Templates
from tests.temporary_plugins import write_plugin

from portico.testing import ServerProcess

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),  # nothing of it is about it
]
HEAD = """
import asyncio, time
from portico.api import PluginInfo, hookimpl
from portico.api.web import get
PLUGIN = PluginInfo(api_version=1, summary="")
"""
PLUGINS = {
    "importing": "while True:\n    pass",
    "blocking": "@hookimpl\ndef startup():\n    time.sleep(3600)",
    "waiting": "@hookimpl\nasync def startup():\n    await asyncio.Event().wait()",
    "staying": "@hookimpl\nasync def shutdown():\n    await asyncio.Event().wait()",
    "sleeping": "@hookimpl\ndef shutdown():\n    time.sleep(3600)",
    "leaving": "@hookimpl\ndef register_routes():\n"
    "    @get('/api/x/leaving/now', access='public')\n"
    "    async def now() -> str:\n        raise SystemExit(1)\n    return [now]",
}


@pytest.fixture
def server(env: dict[str, str], tmp_path: Path, templates: Templates) -> Iterator[ServerProcess]:
    for name, code in PLUGINS.items():
        source = HEAD.strip() + "\n" + code
        write_plugin(tmp_path / "site", name, source, f"made_up_{name}", f"made-up-{name}")
    names = ("STARTUP", "SHUTDOWN", "LOAD")
    limits = {f"PORTICO_PLUGINS_{name}_LIMIT": "2" if name == "LOAD" else "0.3" for name in names}
    settings = limits | {"PORTICO_STRICT": "false", "PORTICO_LOG_FORMAT": "json"}
    templates.create_for(env)
    process = ServerProcess(
        env | settings | {"PYTHONPATH": str(tmp_path / "site")}, tmp_path
    ).start(timeout=60)
    yield process
    process.kill()


@pytest.mark.case("AB-82")
def test_server_starts_serves_and_stops_with_plugins_that_hang(server: ServerProcess) -> None:
    def lines(event: str) -> list[dict[str, Any]]:
        found = [json.loads(one) for one in server.log_text.splitlines() if one.startswith("{")]
        return [one for one in found if one["event"] == event]

    ready = server.client.get("/ready")
    assert (ready.status, {one["plugin"]: one["fault"] for one in ready.json["reasons"]}) == (
        200,
        dict.fromkeys(("importing", "blocking", "waiting"), "timeout"),
    )
    failed = {one["plugin"]: one["at"] for one in lines("plugin failed") if "doing" in one}
    assert failed["importing"] in ("made_up_importing.py:5", "made_up_importing.py:6")
    assert (
        failed["blocking"]
        == failed["waiting"].replace("waiting", "blocking")
        == "made_up_blocking.py:7"
    )
    answer = server.client.get("/api/x/leaving/now")
    assert (answer.status, answer.json) == (500, {"detail": "Internal Server Error"})
    assert server.client.get("/health").status == 200
    assert server.stop() == 0
    (line,) = lines("request failed")
    assert line["request"] == answer.headers["x-request-id"]
    assert (line["plugin"], line["at"]) == ("leaving", "made_up_leaving.py:9")
    stopped = {
        one["plugin"]: (one["doing"], one["error"], one["at"])
        for one in lines("plugin failed")[-2:]
    }
    assert stopped == {
        name: ("shutdown", "OverLimit", f"made_up_{name}.py:7") for name in ("staying", "sleeping")
    }
