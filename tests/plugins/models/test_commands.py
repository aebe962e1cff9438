"""`portico model` on the command line."""

import json
from pathlib import Path

import pytest
from tests.plugins.models.conftest import form

from portico.testing import CommandLine


def as_file(*models: object) -> str:
    return json.dumps({"models": models})


@pytest.mark.both_databases
def test_models_are_imported_listed_and_exported(cli: CommandLine, tmp_path: Path) -> None:
    assert "portico model import" in cli("model", "list").stdout
    cli("user", "add", "root@example.org", "--password-stdin", stdin="long enough\n")
    both = as_file(form("one"), form("over", base_model_id=None, is_active=False), {})

    planned = cli("model", "import", "-", "--dry-run", "--json", stdin=both)
    assert json.loads(planned.stdout)["created"] == ["one", "over"]
    assert json.loads(cli("model", "list", "--json").stdout) == []

    result = cli("model", "import", "-", stdin=both)
    assert result.stdout.split() == ["created", "2", "updated", "0", "unchanged", "0", "rejected", "0", "skipped", "1"]  # fmt: skip
    assert "Importing" in result.stderr

    listed = json.loads(cli("model", "list", "--json").stdout)
    assert [one["id"] for one in listed] == ["one", "over"]
    assert cli("model", "list").stdout.splitlines() == ["  one on open-1  Legal desk", "- over  Legal desk"]  # fmt: skip

    printed = cli("model", "export")
    assert [one["id"] for one in json.loads(printed.stdout)] == ["one"]
    cli("model", "export", "all.json", "--all", "--templates")
    exported = json.loads((tmp_path / "all.json").read_text())
    assert [one["id"] for one in exported["models"]] == ["one", "over"]
    assert exported["templates"] == []

    cli("model", "sync", "all.json")
    emptied = cli("model", "sync", "-", "--json", stdin="[]")
    assert json.loads(emptied.stdout)["deleted"] == ["one", "over"]


def test_owner_option_sets_owner_and_permissions(cli: CommandLine) -> None:
    for name in ("root", "ann"):
        said = "long enough\n"
        cli("user", "add", f"{name}@example.org", "--password-stdin", stdin=said)
    override = as_file(form("over", base_model_id=None))

    ann = ("model", "import", "-", "--owner", "ann@example.org")
    assert "models[0]" in cli(*ann, stdin=override, code=1).stderr
    assert "models[0]  over" in cli(*ann, "--dry-run", stdin=override, code=1).stderr

    cli("model", "import", "-", "--owner", "ROOT@example.org", stdin=override)
    (one,) = json.loads(cli("model", "list", "--json").stdout)
    root = json.loads(cli("user", "show", "root@example.org").stdout)
    assert one["user_id"] == root["id"]


def test_errors_say_what_to_do(cli: CommandLine, tmp_path: Path) -> None:
    for said, expected in (
        ("5", "this is not an export of models"),
        ("[", "it is cut off"),
        ("[]", "There is no administrator yet"),
    ):
        assert expected in cli("model", "import", "-", stdin=said, code=1).stderr
    result = cli("model", "sync", "-", "--owner", "absent@example.org", stdin="[]", code=1)
    assert "No account has the e-mail address absent@example.org" in result.stderr
    cli("model", "import", "absent.json", code=2)
