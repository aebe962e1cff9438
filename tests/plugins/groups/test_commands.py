"""`portico group …`, on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portico.testing import CommandLine


@pytest.fixture
def group(cli: CommandLine) -> Callable[..., Any]:
    """What `portico group …` says to programs."""

    def ask(*words: str, stdin: str = "") -> Any:
        return json.loads(cli("group", *words, "--json", stdin=stdin).stdout)

    return ask


def test_groups_are_made_filled_shown_taken_along_and_deleted(
    cli: CommandLine, group: Callable[..., Any], tmp_path: Path
) -> None:
    assert "portico group create" in cli("group", "list").stdout
    cli("user", "add", "ann@example.org", "--password-stdin", stdin="secret\n")
    made = group("create", "Staff", "--description", "All", "--permission", "workspace.models")
    assert made["permissions"] == {"workspace": {"models": True}}
    added = cli("group", "add-member", "Staff", "ann@example.org")
    assert added.stdout == "Staff: 1 member.\n", added.stderr
    shown = cli("group", "show", "Staff").stdout
    assert "workspace.models" in shown and "ann@example.org" in shown
    cli("group", "export", "groups.json")
    exported = json.loads((tmp_path / "groups.json").read_text())
    assert exported == [group("show", made["id"])]
    assert group("remove-member", made["id"], "ann@example.org")["member_count"] == 0
    assert group("delete", "Staff")["id"] == made["id"]
    assert group("list") == []
    brought = cli("group", "import", "groups.json").stdout
    assert brought == f"created  {made['id']}  Staff: 1 member\n"
    assert group("import", "groups.json", "--replace")[0]["result"] == "replaced"
    assert [one["member_count"] for one in group("list")] == [1]


def test_groups_that_were_joined_or_marked_come_in_whole_or_not_at_all(
    cli: CommandLine, tmp_path: Path
) -> None:
    text = '\ufeff[{"name": "A"}]\n{"groups": [{"name": "B"}]}{"name": "C"}'
    (tmp_path / "joined.json").write_text(text, encoding="utf-8")
    (tmp_path / "behind.json").write_text(text + " oops", encoding="utf-8")
    assert "unexpected text" in cli("group", "import", "behind.json", code=1).stderr
    cli("group", "import", "joined.json")
    listed = json.loads(cli("group", "list", "--json").stdout)
    assert {one["name"] for one in listed} == {"A", "B", "C"}


def test_many_groups_are_brought_in_from_standard_input(
    cli: CommandLine, group: Callable[..., Any]
) -> None:
    many = json.dumps([{"name": f"G{number}", "user_ids": ["x"]} for number in range(40)])
    done = cli("group", "import", "-", stdin=many)
    assert "Importing" in done.stderr and "Importing" not in done.stdout
    assert done.stdout.count("1 unknown ignored") == 40
    assert len(group("list")) == 40


def test_dry_run_of_an_import_stores_nothing(
    cli: CommandLine, group: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "g.json").write_text('[{"name": "G"}, {"name": "H", "user_ids": ["x"]}]')
    said = cli("group", "import", "g.json", "--dry-run").stdout
    assert said.count("would be created") == 2 and "1 unknown ignored" in said
    assert group("list") == []
    assert cli("group", "import", "g.json").stdout.startswith("created")


def test_what_goes_wrong_is_said_with_what_to_do(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('[{"name": "G"}, {"name": 5}]')
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "no.json").write_text('[{"name": "G", "permissions": {"chat": {"tts": "no"}}}]')
    cli("group", "create", "Twin")
    cli("group", "create", "Twin")
    for words, complaint in (
        (("add", "Twin", "x"), "portico group add-member"),
        (("create", "G", "--permit", "chat.tts"), "--permission"),
        (("export", "--to", "g.json"), "portico group export FILE"),
        (("show", "Absent"), "portico group list"),
        (("add-member", "Twin", "x@example.org"), "Use the id"),
        (("create", "G", "--permission", "chat.shout"), "is no permission"),
        (("import", "bad.json"), "input[1].name"),
        (("import", "deep.json"), "nested too deeply"),
        (("import", "no.json"), "input[0].permissions.chat.tts"),
        (("import", "missing.json"), "missing.json"),
    ):
        answer = cli("group", *words, code=None)
        assert answer.returncode != 0 and complaint in answer.stderr, answer
    listed = json.loads(cli("group", "list", "--json").stdout)
    assert {one["name"] for one in listed} == {"Twin"}
    unknown = cli("group", "add-member", listed[0]["id"], "x@example.org", "y", code=1)
    assert "There is no account x@example.org, y" in unknown.stderr
