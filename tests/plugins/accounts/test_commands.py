"""`portico user …`: output and errors of its commands."""

import json

from portico.testing import CommandLine


def test_user_commands_add_list_and_set_roles(cli: CommandLine) -> None:
    assert "portico user add" in cli("user", "list").stdout
    added = cli("user", "add", "Ann@Example.org", "--password-stdin", stdin="secret\n")
    assert added.stdout == "Added ann@example.org with the role admin.\n", added.stderr
    options = ("--name", "Ben", "--role", "pending", "--password-stdin")
    cli("user", "add", "ben@example.org", *options, stdin="secret\n")
    promoted = cli("user", "set-role", "ben@example.org", "user")
    assert promoted.stdout == "ben@example.org has the role user.\n"
    listed = json.loads(cli("user", "list", "--json").stdout)
    assert {(one["email"], one["name"], one["role"]) for one in listed} == {
        ("ann@example.org", "Ann", "admin"),
        ("ben@example.org", "Ben", "user"),
    }
    assert "ben@example.org" in cli("user", "list").stdout


def test_user_show_prints_no_private_data(cli: CommandLine) -> None:
    cli("user", "add", "ann@example.org", "--password-stdin", stdin="secret\n")
    shown = json.loads(cli("user", "show", "ANN@example.org").stdout)
    assert (shown["email"], shown["role"], shown["group_ids"]) == ("ann@example.org", "admin", [])
    assert not {"settings", "info", "oauth"} & set(shown)


def test_user_delete_asks_for_confirmation(cli: CommandLine) -> None:
    for name in ("ann", "ben", "eve"):
        cli("user", "add", f"{name}@example.org", "--password-stdin", stdin="secret\n")
    cli("user", "delete", "ben@example.org", stdin="n\n", code=1)
    assert "ben@example.org" in cli("user", "list").stdout
    assert "Deleted" in cli("user", "delete", "ben@example.org", stdin="y\n").stdout
    deleted = cli("user", "delete", "eve@example.org", "--transfer-to", "ann@example.org", "--yes")
    assert deleted.stdout == "Deleted eve@example.org.\n", deleted.stderr
    listed = json.loads(cli("user", "list", "--json").stdout)
    assert [one["email"] for one in listed] == ["ann@example.org"]
    for arguments, message in (
        (("ann@example.org", "--yes"), "the first administrator"),
        (("ben@example.org", "--yes"), "portico user list"),
        (("ann@example.org", "--transfer-to", "x@y.z", "--yes"), "portico user list"),
        (
            ("ann@example.org", "--transfer-to", "x@y.z", "--delete-content"),
            "either --delete-content or --transfer-to",
        ),
    ):
        answer = cli("user", "delete", *arguments, code=None)
        assert answer.returncode != 0 and message in answer.stderr, answer


def test_user_commands_reject_invalid_arguments_with_message(cli: CommandLine) -> None:
    cli("user", "add", "ann@example.org", "--password-stdin", stdin="secret\n")
    for arguments, typed, message in (
        (
            ("add", "ann@example.org", "--password-stdin"),
            "secret\n",
            "has this e-mail address already",
        ),
        (("add", "ben@example.org", "--password-stdin"), "\n", "empty or breaks the rule"),
        (("set-role", "unknown@example.org", "user"), "", "portico user list"),
        (("set-role", "ann@example.org", "user"), "", "the first administrator"),
        (("set-role", "ann@example.org", "root"), "", "'pending', 'user', 'admin'"),
        (("reset-password", "unknown@example.org", "--password-stdin"), "x\n", "portico user list"),
    ):
        answer = cli("user", *arguments, stdin=typed, code=None)
        assert answer.returncode != 0 and message in answer.stderr, answer


def test_password_is_not_accepted_as_an_argument(cli: CommandLine) -> None:
    answer = cli("user", "add", "ann@example.org", "--password", "secret", code=2)
    assert "--password" in answer.stderr


def test_addresses_that_count_as_the_same_are_refused(cli: CommandLine) -> None:
    cli("user", "add", "ann@example.org", "--password-stdin", stdin="secret\n")
    assert "No two accounts" in cli("user", "list", "--colliding").stdout
    for email in ("an\u200bn@example.org", "Ann@EXAMPLE.org"):
        refused = cli("user", "add", email, "--password-stdin", stdin="secret\n", code=None)
        assert refused.returncode != 0, email


def test_former_option_heir_exits_with_2_and_names_the_new_one(cli: CommandLine) -> None:
    answer = cli("user", "delete", "ann@example.org", "--heir", "ben@example.org", code=2)
    assert "`--heir` is now `--transfer-to`" in answer.stderr
