"""`portico group …`, as somebody at the keyboard sees it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Portico = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def portico(environment: Mapping[str, str], tmp_path: Path) -> Portico:
    """Run the command line: `portico("group", "list", said="what is typed")`."""

    def run(*words: str, said: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "portico", *words],
            input=said,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **environment},  # noqa: TID251 - a child's
            timeout=50,
            check=False,
        )

    return run


@pytest.fixture
def group(portico: Portico) -> Callable[..., Any]:
    """What `portico group …` says to programs."""

    def ask(*words: str, said: str = "") -> Any:
        done = portico("group", *words, "--json", said=said)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


def test_groups_are_made_filled_shown_taken_along_and_deleted(
    portico: Portico, group: Callable[..., Any], tmp_path: Path
) -> None:
    assert "portico group create" in portico("group", "list").stdout
    portico("user", "add", "ann@example.org", "--password-stdin", said="secret\n")
    made = group("create", "Staff", "--description", "All", "--permit", "workspace.models")
    assert made["permissions"] == {"workspace": {"models": True}}
    added = portico("group", "add", "Staff", "ann@example.org")
    assert added.stdout == "Staff: 1 member.\n", added.stderr
    shown = portico("group", "show", "Staff").stdout
    assert "workspace.models" in shown and "ann@example.org" in shown
    portico("group", "export", "--to", "groups.json")
    exported = json.loads((tmp_path / "groups.json").read_text())
    assert exported == [group("show", made["id"])]
    assert group("remove", made["id"], "ann@example.org")["member_count"] == 0
    assert group("delete", "Staff")["id"] == made["id"]
    assert group("list") == []
    brought = portico("group", "import", "groups.json").stdout
    assert brought == f"created  {made['id']}  Staff: 1 member\n"
    assert group("import", "groups.json", "--replace")[0]["result"] == "replaced"
    assert [one["member_count"] for one in group("list")] == [1]


def test_many_groups_are_brought_in_from_standard_input(
    portico: Portico, group: Callable[..., Any]
) -> None:
    many = json.dumps([{"name": f"G{number}", "user_ids": ["x"]} for number in range(40)])
    done = portico("group", "import", "-", said=many)
    assert done.returncode == 0, done.stderr
    assert "Importing" in done.stdout and done.stdout.count("1 unknown passed over") == 40
    assert len(group("list")) == 40


def test_what_goes_wrong_is_said_with_what_to_do(portico: Portico, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('[{"name": "G"}, {"name": 5}]')
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "no.json").write_text('[{"name": "G", "permissions": {"chat": {"tts": "no"}}}]')
    portico("group", "create", "Twin")
    portico("group", "create", "Twin")
    for words, complaint in (
        (("show", "Nobody"), "portico group list"),
        (("add", "Twin", "x@example.org"), "say which by its id"),
        (("create", "G", "--permit", "chat.shout"), "There is no such permission"),
        (("import", "bad.json"), "$[1].name"),
        (("import", "deep.json"), "no export of groups"),
        (("import", "no.json"), "body.0.permissions.chat.tts"),
        (("import", "missing.json"), "missing.json"),
    ):
        answer = portico("group", *words)
        assert answer.returncode != 0 and complaint in answer.stderr, answer
        assert "Traceback" not in answer.stderr
    listed = json.loads(portico("group", "list", "--json").stdout)
    assert {one["name"] for one in listed} == {"Twin"}
    unknown = portico("group", "add", listed[0]["id"], "x@example.org", "y")
    assert "Nobody is x@example.org, y" in unknown.stderr
