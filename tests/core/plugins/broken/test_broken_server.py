"""A real server with all broken plugins at once, on both databases: it starts, serves, names them, and stops."""

import json
import re
from pathlib import Path

import pytest
from tests.core.plugins.broken.conflict_cases import CONFLICTS
from tests.core.plugins.broken.declaration_cases import DECLARATIONS
from tests.core.plugins.broken.hook_cases import HANGING, HOOKS
from tests.core.plugins.broken.plugin_sources import Broken, write_plugins
from tests.core.plugins.broken.running_cases import RUNNING
from tests.core.plugins.broken.stored_cases import CANCELS_ALL, MIGRATIONS, STORED
from tests.database_templates import Templates

from portico.testing import Client, CommandLine, ServerProcess
from portico.testing.websockets import SocketClosed

#: Those that hang, which take the time of their limit each.
SOME_HANGING = {name: HANGING[name] for name in ("hangs_import", "hangs_tables", "hangs_startup")}
#: The others are the same for every process: a fifth of them.
_REST = HOOKS | DECLARATIONS | STORED
FAILED: dict[str, Broken] = (
    MIGRATIONS
    | CONFLICTS
    | SOME_HANGING
    | {name: _REST[name] for name in [*_REST][::5] if name != "misspelt_name"}
) | {name: _REST[name] for name in ("startup_raises", "rule_of_others", "no_type", "operator")}
#: Those of `RUNNING` that fail nowhere in a server: a command, and a thread that goes on.
SILENT = {"commands", "keeps_thread"}
LIMITS = {"LOAD": "1", "STARTUP": "0.3", "SHUTDOWN": "0.3"}
SETTINGS = "".join(
    f"[plugins.{name}]\n{line}\n"
    for name, line in {"operator": "times = 0", "misspelt_key": "tims = 2", "bare": "x = 1"}.items()
    if name in FAILED
)


@pytest.fixture
def env(env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "portico.toml"
    file.write_text(SETTINGS)
    limits = {f"PORTICO_PLUGINS_{name}_LIMIT": value for name, value in LIMITS.items()}
    given = {"PORTICO_CONFIG": str(file)}
    site = str(tmp_path / "site")
    return env | limits | given | {"PORTICO_STRICT": "false", "PYTHONPATH": site}


def ask(ada: Client, model: str) -> int:
    """Ask a model and return the status."""
    question = {"model": model, "messages": [{"role": "user", "content": "x"}]}
    return ada.post("/api/chat/completions", question).status


def fail_while_serving(ada: Client) -> None:
    """Make every plugin fail that fails only while the server runs."""
    for name in ("goes_wrong", "goes_away", "cancels_itself", "cancels_request"):
        answer = ada.get(f"/api/x/{name}/go")
        assert (answer.status, answer.json) == (500, {"detail": "Internal Server Error"}), name
    for name in ("exits_in_task", "exits_in_callback"):
        assert ada.get(f"/api/x/{name}/go").body == b"left", name
    with ada.connect_socket() as events:
        assert "error" in str(events.call("hears:word", {}))
    with ada.websocket("/api/x/live/go") as socket, pytest.raises(SocketClosed):
        socket.receive()
    models = {one["id"] for one in ada.get("/api/models").json["data"]}
    assert {"answers_wrong", "answers_words"} <= models
    assert [ask(ada, name) for name in ("answers_wrong", "answers_words")] == [500, 500]
    message = {"id": "m", "role": "assistant", "content": "Hi", "parentId": None, "childrenIds": []}
    history = {"currentId": "m", "messages": {"m": message}}
    chat = ada.post("/api/v1/chats/new", {"chat": {"title": "Mine", "history": history}}).json["id"]
    about = {"model": "answers_wrong", "chat_id": chat, "id": "m", "session_id": "s"}
    assert "failed" in ada.post("/api/chat/actions/acts", about).json["detail"]


def test_plugin_that_cancels_all_tasks_of_a_start_ends_it_once_and_is_named(
    env: dict[str, str], tmp_path: Path
) -> None:
    write_plugins(tmp_path / "site", {"cancels_all": CANCELS_ALL})
    server = ServerProcess(env, tmp_path)
    with pytest.raises(RuntimeError, match="a plugin cancelled all tasks while .*cancels_all"):
        server.start()
    server.kill()


@pytest.mark.both_databases
@pytest.mark.timeout(180)
@pytest.mark.case("AB-82")
def test_server_with_all_broken_plugins_serves_names_them_and_stops(
    env: dict[str, str],
    install: object,
    templates: Templates,
    tmp_path: Path,
    cli: CommandLine,
) -> None:
    write_plugins(tmp_path / "site", FAILED | RUNNING)
    templates.create_for(env)
    server = ServerProcess(env, tmp_path).start()
    try:
        ready = server.client.get("/ready")
        assert ready.status == 200
        told = {one["plugin"]: one.get("fault") for one in ready.json["reasons"]}
        assert told == {name: one.fault for name, one in FAILED.items()} | {"checks": None}
        assert not re.search(r"\.py|/|hunter2", ready.body.decode())
        ada = server.client.sign_up("Ada")
        fail_while_serving(ada)
        listed = {one["name"]: one for one in ada.get("/api/v1/plugins").json}
        wrong = [broken.fault_in(name, listed[name]) for name, broken in FAILED.items()]
        assert not any(wrong), "\n".join(filter(None, wrong))
        assert {listed[name]["state"] for name in RUNNING} == {"active"}
        chat = ada.post("/api/v1/chats/new", {"chat": {"title": "Mine"}}).json["id"]
        assert ada.get(f"/api/v1/chats/{chat}").json["title"] == "Mine"
        assert ada.add_user("Bob").get(f"/api/v1/chats/{chat}").status == 404
    finally:
        code = server.stop()
    assert code == 0
    log = server.log_text
    assert "hunter2" not in log
    assert "another one is started" not in log
    failures = [
        json.loads(one) for one in log.splitlines() if '"plugin": ' in one or '"plugin":' in one
    ]
    named = {(one.get("plugin"), one.get("at", "")) for one in failures}
    for name, broken in RUNNING.items():
        at = f"made_up_{name}.py:{broken.line}" if broken.line else None
        is_logged = any(plugin == name and at in (None, where) for plugin, where in named)
        # Of many lines for one client, the log has the number.
        counters = listed[name]["counters"]
        is_counted = counters["errors"] + counters["failures"] > 0
        assert name in SILENT or is_logged or is_counted, f"{name} at {at} is not in the log"
    assert "register_commands: KeyError" in cli("commands", "go", settings=env, code=2).stderr
    plugins = {
        one["name"]: one for one in json.loads(cli("plugin", "list", "--json", settings=env).stdout)
    }
    wrong = [broken.fault_in(name, plugins[name]) for name, broken in FAILED.items()]
    assert not any(wrong), "\n".join(filter(None, wrong))
