"""`portico user …`, as somebody at the keyboard sees it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Portico = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def portico(environment: Mapping[str, str], tmp_path: Path) -> Portico:
    """Run the command line: `portico("user", "list", said="what is typed")`."""

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


def test_people_are_added_listed_and_given_roles(portico: Portico) -> None:
    assert "portico user add" in portico("user", "list").stdout
    added = portico("user", "add", "Ann@Example.org", "--password-stdin", said="secret\n")
    assert added.stdout == "Added ann@example.org with the role admin.\n", added.stderr
    options = ("--name", "Ben", "--role", "pending", "--password-stdin")
    assert portico("user", "add", "ben@example.org", *options, said="secret\n").returncode == 0
    promoted = portico("user", "set-role", "ben@example.org", "user")
    assert promoted.stdout == "ben@example.org has the role user.\n"
    listed = json.loads(portico("user", "list", "--json").stdout)
    assert {(one["email"], one["name"], one["role"]) for one in listed} == {
        ("ann@example.org", "Ann", "admin"),
        ("ben@example.org", "Ben", "user"),
    }
    assert "ben@example.org" in portico("user", "list").stdout


def test_somebody_is_shown_without_what_they_keep_for_themselves(portico: Portico) -> None:
    portico("user", "add", "ann@example.org", "--password-stdin", said="secret\n")
    shown = json.loads(portico("user", "show", "ANN@example.org").stdout)
    assert (shown["email"], shown["role"], shown["group_ids"]) == ("ann@example.org", "admin", [])
    assert not {"settings", "info", "oauth"} & set(shown)


def test_somebody_is_deleted_once_that_is_confirmed(portico: Portico) -> None:
    for name in ("ann", "ben", "eve"):
        portico("user", "add", f"{name}@example.org", "--password-stdin", said="secret\n")
    kept = portico("user", "delete", "ben@example.org", said="n\n")
    assert kept.returncode == 1 and "ben@example.org" in portico("user", "list").stdout
    assert "Deleted" in portico("user", "delete", "ben@example.org", said="y\n").stdout
    gone = portico("user", "delete", "eve@example.org", "--heir", "ann@example.org", "--yes")
    assert gone.stdout == "Deleted eve@example.org.\n", gone.stderr
    listed = json.loads(portico("user", "list", "--json").stdout)
    assert [one["email"] for one in listed] == ["ann@example.org"]
    for words, complaint in (
        (("ann@example.org", "--yes"), "restricted"),
        (("ben@example.org", "--yes"), "portico user list"),
        (("ann@example.org", "--heir", "x@y.z", "--yes"), "portico user list"),
        (("ann@example.org", "--heir", "x@y.z", "--delete-content"), "no heir"),
    ):
        answer = portico("user", "delete", *words)
        assert answer.returncode != 0 and complaint in answer.stderr, answer
        assert "Traceback" not in answer.stderr


def test_what_goes_wrong_is_said_with_what_to_do(portico: Portico) -> None:
    portico("user", "add", "ann@example.org", "--password-stdin", said="secret\n")
    for words, said, complaint in (
        (("add", "ann@example.org", "--password-stdin"), "secret\n", "already registered"),
        (("add", "ben@example.org", "--password-stdin"), "\n", "validation criteria"),
        (("set-role", "nobody@example.org", "user"), "", "portico user list"),
        (("set-role", "ann@example.org", "user"), "", "restricted"),
        (("set-role", "ann@example.org", "root"), "", "'pending', 'user', 'admin'"),
        (("reset-password", "nobody@example.org", "--password-stdin"), "x\n", "portico user list"),
    ):
        answer = portico("user", *words, said=said)
        assert answer.returncode != 0 and complaint in answer.stderr, answer
        assert "Traceback" not in answer.stderr


def test_a_password_is_never_an_argument(portico: Portico) -> None:
    answer = portico("user", "add", "ann@example.org", "--password", "secret")
    assert answer.returncode == 2 and "--password" in answer.stderr
