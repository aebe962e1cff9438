"""`portico user …`, as somebody at the keyboard sees it."""

import json

from portico.testing import CommandLine


def test_people_are_added_listed_and_given_roles(cli: CommandLine) -> None:
    assert "portico user add" in cli("user", "list").stdout
    added = cli("user", "add", "Ann@Example.org", "--password-stdin", said="secret\n")
    assert added.stdout == "Added ann@example.org with the role admin.\n", added.stderr
    options = ("--name", "Ben", "--role", "pending", "--password-stdin")
    cli("user", "add", "ben@example.org", *options, said="secret\n")
    promoted = cli("user", "set-role", "ben@example.org", "user")
    assert promoted.stdout == "ben@example.org has the role user.\n"
    listed = json.loads(cli("user", "list", "--json").stdout)
    assert {(one["email"], one["name"], one["role"]) for one in listed} == {
        ("ann@example.org", "Ann", "admin"),
        ("ben@example.org", "Ben", "user"),
    }
    assert "ben@example.org" in cli("user", "list").stdout


def test_somebody_is_shown_without_what_they_keep_for_themselves(cli: CommandLine) -> None:
    cli("user", "add", "ann@example.org", "--password-stdin", said="secret\n")
    shown = json.loads(cli("user", "show", "ANN@example.org").stdout)
    assert (shown["email"], shown["role"], shown["group_ids"]) == ("ann@example.org", "admin", [])
    assert not {"settings", "info", "oauth"} & set(shown)


def test_somebody_is_deleted_once_that_is_confirmed(cli: CommandLine) -> None:
    for name in ("ann", "ben", "eve"):
        cli("user", "add", f"{name}@example.org", "--password-stdin", said="secret\n")
    cli("user", "delete", "ben@example.org", said="n\n", code=1)
    assert "ben@example.org" in cli("user", "list").stdout
    assert "Deleted" in cli("user", "delete", "ben@example.org", said="y\n").stdout
    gone = cli("user", "delete", "eve@example.org", "--heir", "ann@example.org", "--yes")
    assert gone.stdout == "Deleted eve@example.org.\n", gone.stderr
    listed = json.loads(cli("user", "list", "--json").stdout)
    assert [one["email"] for one in listed] == ["ann@example.org"]
    for words, complaint in (
        (("ann@example.org", "--yes"), "restricted"),
        (("ben@example.org", "--yes"), "portico user list"),
        (("ann@example.org", "--heir", "x@y.z", "--yes"), "portico user list"),
        (("ann@example.org", "--heir", "x@y.z", "--delete-content"), "no heir"),
    ):
        answer = cli("user", "delete", *words, code=None)
        assert answer.returncode != 0 and complaint in answer.stderr, answer


def test_what_goes_wrong_is_said_with_what_to_do(cli: CommandLine) -> None:
    cli("user", "add", "ann@example.org", "--password-stdin", said="secret\n")
    for words, said, complaint in (
        (("add", "ann@example.org", "--password-stdin"), "secret\n", "already registered"),
        (("add", "ben@example.org", "--password-stdin"), "\n", "validation criteria"),
        (("set-role", "nobody@example.org", "user"), "", "portico user list"),
        (("set-role", "ann@example.org", "user"), "", "restricted"),
        (("set-role", "ann@example.org", "root"), "", "'pending', 'user', 'admin'"),
        (("reset-password", "nobody@example.org", "--password-stdin"), "x\n", "portico user list"),
    ):
        answer = cli("user", *words, said=said, code=None)
        assert answer.returncode != 0 and complaint in answer.stderr, answer


def test_a_password_is_never_an_argument(cli: CommandLine) -> None:
    answer = cli("user", "add", "ann@example.org", "--password", "secret", code=2)
    assert "--password" in answer.stderr


def test_accounts_whose_addresses_are_one_are_listed(cli: CommandLine) -> None:
    cli("user", "add", "ann@example.org", "--password-stdin", said="secret\n")
    assert "No two accounts" in cli("user", "list", "--colliding").stdout
    for email in ("an\u200bn@example.org", "Ann@EXAMPLE.org"):
        refused = cli("user", "add", email, "--password-stdin", said="secret\n", code=None)
        assert refused.returncode != 0, email
