"""The command line: tables, JSON and errors."""

import json
from pathlib import Path

import pytest

from portico.testing import CommandLine, InProcessApp


@pytest.fixture
def run(cli: CommandLine):
    """Run one command with these settings; return its output, with its errors if it failed."""

    def command(*words: str, code: int = 0, **settings: str) -> str:
        done = cli(*words, code=code, settings=settings)
        return done.stdout if code == 0 else done.stdout + done.stderr

    return command


def test_process_prints_the_same_as_in_process_run(cli: CommandLine) -> None:
    wrong = {"PORT": "many"}
    inside = cli("config", code=1, settings=wrong)
    outside = cli.process("config", code=1, settings=wrong)
    assert (outside.stdout, outside.stderr) == (inside.stdout, inside.stderr)
    add = ("user", "add", "ann@example.org", "--password-stdin")
    cli.process(*add, stdin="long enough\n")
    assert "ann@example.org" in cli("user", "list").stdout
    again = cli.process(*add, stdin="long enough\n", code=1)
    assert again.stderr == cli(*add, stdin="long enough\n", code=1).stderr


def test_wrong_usage_exits_with_2(cli: CommandLine) -> None:
    inside, outside = cli("user", code=2), cli.process("user", code=2)
    assert inside.stderr == outside.stderr.replace("python -m portico", "portico")


@pytest.mark.parametrize("words", [("group", "show"), ("user", "show"), ("policy", "show")])
def test_argument_that_is_no_utf8_is_refused_in_words(
    cli: CommandLine, words: tuple[str, str]
) -> None:
    said = cli(*words, "\udcff", code=1).stderr
    assert said.startswith("Portico cannot do that:")
    assert "Traceback" not in said


def test_plugins_lists_every_built_in_plugin_with_its_contributions(run) -> None:
    listed = {plugin["name"]: plugin for plugin in json.loads(run("plugin", "list", "--json"))}
    assert listed.keys() >= {"accounts", "password", "models", "chats", "completions", "openai"}
    assert {plugin["state"] for plugin in listed.values()} == {"active"}
    assert "POST /api/chat/completions" in listed["completions"]["contributes"]["routes"]
    assert "chats_message" in listed["chats"]["contributes"]["tables"]
    assert "● chats" in run("plugin", "list")


def test_plugins_prints_why_a_plugin_is_not_active(run) -> None:
    assert "reason: named in plugins.disable" in run(
        "plugin", "list", PORTICO_PLUGINS_DISABLE="chats"
    )


def test_config_prints_values_and_origins_and_masks_secrets(run, env) -> None:
    rows = {
        row["key"]: row
        for row in json.loads(run("config", "--json", OPENAI_API_KEYS="sk-abc;sk-def"))
    }
    assert rows["identity.secret_key"]["value"] == "********"
    assert rows["identity.secret_key"]["origin"] == "environment WEBUI_SECRET_KEY"
    assert rows["server.port"]["origin"] == "default"
    printed = run("config", OPENAI_API_KEYS="sk-abc;sk-def", DATABASE_URL="")
    assert "sk-abc" not in printed
    assert env["WEBUI_SECRET_KEY"] not in printed


def test_environment_overrides_the_settings_file(run, tmp_path: Path) -> None:
    (tmp_path / "portico.toml").write_text("[server]\nport = 9001\nshutdown_timeout = 3\n")
    rows = {row["key"]: row for row in json.loads(run("config", "--json", PORT="9002"))}
    assert (rows["server.port"]["value"], rows["server.port"]["origin"]) == (
        9002,
        "environment PORT",
    )
    assert rows["server.shutdown_timeout"]["origin"].endswith("portico.toml")


def test_unknown_setting_is_refused_with_the_closest_name(run, tmp_path: Path) -> None:
    (tmp_path / "portico.toml").write_text("[server]\nprot = 9001\n")
    assert "did you mean server.port?" in run("config", code=1)


@pytest.mark.both_databases
def test_migrate_check_lists_pending_migrations(run) -> None:
    pending = run("migrate", "--check", code=1)
    assert "pending  identity  0001_accounts" in pending
    assert "pending  chats" in pending
    run("migrate")
    assert run("migrate", "--check") == "The schema is up to date.\n"


def test_changed_secret_key_is_shown_and_can_be_adopted(run) -> None:
    def fingerprints(printed: str) -> list[str]:
        return [line.split()[-1] for line in printed.splitlines()[:2]]

    ours, in_use = fingerprints(run("secret", "replace"))
    assert ours == in_use
    other = {"WEBUI_SECRET_KEY": "quite-another-secret-0987654321-zyxwvuts"}
    theirs, in_use = fingerprints(run("secret", "show", **other))
    assert in_use == ours != theirs
    assert fingerprints(run("secret", "replace", **other)) == [theirs, theirs]


def test_config_lists_and_undoes_changes_made_at_run_time(
    cli: CommandLine, app: InProcessApp
) -> None:
    admin = app.client.sign_up("Ada")
    form = admin.get("/api/v1/configs/models").json | {"DEFAULT_MODELS": "one\ntwo"}
    assert admin.post("/api/v1/configs/models", form).status == 200
    assert admin.post("/api/v1/configs/models", form | {"DEFAULT_MODELS": "b"}).status == 200
    lines = cli("config", "history").stdout.splitlines()
    assert lines[0].endswith("Ada") and lines[1].strip() == 'DEFAULT_MODELS: was "one\\ntwo"'
    assert lines[3].strip() == "DEFAULT_MODELS: was the default"
    number = json.loads(cli("config", "history", "DEFAULT_MODELS", "--json").stdout)[0]["number"]
    cli("config", "undo", str(number), "DEFAULT_MODELS")
    assert "command line" in cli("config", "history").stdout.splitlines()[0]
    assert "Undo that one first" in cli("config", "undo", str(number), code=1).stderr
    assert "portico config history" in cli("config", "undo", "99999", code=1).stderr
    assert "plugins.settings_admin.default_models" in cli("config").stdout
