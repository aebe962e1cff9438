"""Plugins with mistakes: each fails with a sentence, its file and line, and everything else works as if it were not there.

They are loaded into one application at once, since what they must not do is disturb each other.
"""

import re
from pathlib import Path

import pytest
from tests.core.plugins.broken.conflict_cases import CONFLICTS
from tests.core.plugins.broken.conftest import Start
from tests.core.plugins.broken.declaration_cases import DECLARATIONS
from tests.core.plugins.broken.hook_cases import HANGING, HOOKS
from tests.core.plugins.broken.plugin_sources import Broken, write_plugins
from tests.core.plugins.broken.stored_cases import MIGRATIONS, STORED, migration
from tests.one_database import database_url  # noqa: F401 - a fixture; a server process has both

from portico.boot import CannotStart
from portico.testing import CommandLine, InProcessApp

ALL: dict[str, Broken] = HOOKS | DECLARATIONS | STORED | MIGRATIONS | CONFLICTS
SETTINGS = """
[plugins.operator]
times = 0
[plugins.misspelt_key]
tims = 2
[plugins.bare]
x = 1
[plugins.uninstalled]
x = 1
"""


def check_all(app: InProcessApp, plugins: dict[str, Broken]) -> None:
    """Check what clients and administrators are told of these plugins, and that the rest works."""
    reasons = app.client.get("/ready")
    assert reasons.status == 200
    assert {one["plugin"]: one.get("fault") for one in reasons.json["reasons"]} == {
        name: broken.fault for name, broken in plugins.items()
    }
    assert not re.search(r"\.py|/|Error", reasons.body.decode())
    ada = app.client.sign_up("Ada")
    listed = {one["name"]: one for one in ada.get("/api/v1/plugins").json}
    wrong = [broken.fault_in(name, listed[name]) for name, broken in plugins.items()]
    assert not any(wrong), "\n".join(filter(None, wrong))
    others = {name: one for name, one in listed.items() if name not in plugins}
    assert not [one for one in others.values() if one["state"] == "failed"]
    assert ada.get("/api/models").status == 200
    chat = ada.post("/api/v1/chats/new", {"chat": {"title": "Mine"}}).json["id"]
    assert ada.get(f"/api/v1/chats/{chat}").json["title"] == "Mine"
    assert ada.add_user("Bob").get(f"/api/v1/chats/{chat}").status == 404


@pytest.mark.case("AB-82")
def test_plugins_with_mistakes_fail_alone_each_with_sentence_and_line(
    start_with: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "portico.toml"
    file.write_text(SETTINGS)
    given = {"PORTICO_CONFIG": str(file), "PORTICO_MISSPELT_NAME_TIMS": "2"}
    app = start_with(ALL, **given)
    check_all(app, ALL)
    log = capsys.readouterr().err
    for name in ALL:
        assert re.search(rf'"plugin failed".*"{name}"|"{name}".*"plugin failed"', log), name
    assert "plugins.uninstalled" in log
    assert "hunter2" not in log


@pytest.mark.case("AB-82")
def test_plugins_that_hang_in_any_hook_fail_within_their_limit(start_with: Start) -> None:
    limits = {f"PORTICO_PLUGINS_{which}_LIMIT": "0.2" for which in ("LOAD", "STARTUP")}
    few = {"PORTICO_PLUGINS_ONLY": ",".join((*HANGING, "fine")), "PORTICO_PLUGINS_REQUIRED": "fine"}
    app = start_with(HANGING | {"fine": Broken("", "", "")}, **limits, **few)
    reasons = app.client.get("/ready").json["reasons"]
    assert {one["plugin"]: one["fault"] for one in reasons} == dict.fromkeys(HANGING, "timeout")
    described = {one.name: one.described() for one in app.portico.registry}
    wrong = [broken.fault_in(name, described[name]) for name, broken in HANGING.items()]
    assert not any(wrong), "\n".join(filter(None, wrong))
    assert app.client.get("/health").status == 200


EDITED = "CREATE TABLE edits_thing (id TEXT PRIMARY KEY, more TEXT);"


def test_plugin_with_an_edited_migration_fails_and_says_what_to_do(
    env: dict[str, str], install: object, tmp_path: Path
) -> None:
    plugin = migration("edits", "", sql="CREATE TABLE edits_thing (id TEXT PRIMARY KEY);")
    write_plugins(tmp_path / "site", {"edits": plugin})
    file = tmp_path / "site" / "made_up_edits_steps" / "0001_initial.sql"
    few = {"PORTICO_PLUGINS_ONLY": "accounts,edits", "PORTICO_STRICT": "false"}
    first = file.read_text()
    for text, state in (
        (first, "active"),
        (EDITED, "failed"),
        (first.replace(" ", "\r\n"), "active"),
    ):
        file.write_text(text)
        app = InProcessApp(env | few)
        record = app.portico.registry["edits"]
        app.close()
        assert record.state == state, record.reason
        if state == "failed":
            assert record.fault == "migration"
            assert "0001_initial was changed after it was applied" in record.reason
            assert "undo the change, and make it in a new migration, 0002_…" in record.reason


def test_wrong_setting_of_a_plugin_is_named_and_stops_the_server_only_if_it_is_required(
    install: object, env: dict[str, str], tmp_path: Path, cli: CommandLine
) -> None:
    write_plugins(tmp_path / "site", {"operator": STORED["operator"]})
    given = {"PORTICO_STRICT": "false", "PORTICO_OPERATOR_TIMES": "0"}
    said = 'PORTICO_OPERATOR_TIMES) = "0": expected an integer of at least 1'
    done = cli("config", code=1, settings=given)
    assert (
        f"Plugin 'operator' is not loaded: settings: plugins.operator.times (environment {said}"
        in done.stderr
    )
    assert "server.port" in done.stdout
    required = {"PORTICO_PLUGINS_REQUIRED": "accounts,operator"}
    with pytest.raises(CannotStart, match="plugin 'operator' is required and failed: settings: "):
        InProcessApp(env | given | required)
