"""`portico api-key …`: output and errors of its commands."""

import json

import pytest

from portico.testing import CommandLine

pytestmark = pytest.mark.timeout(120)


def test_api_key_commands_create_list_and_revoke_keys(cli: CommandLine) -> None:
    for name in ("ann", "ben"):
        cli("user", "add", f"{name}@example.org", "--password-stdin", stdin="secret\n")
    assert cli("api-key", "list").stdout == "There are no API keys.\n"
    options = (
        "--name",
        "nightly",
        "--days",
        "7",
        "--scope",
        "chats:read",
        "--endpoint",
        "/api/models",
    )
    first = cli("api-key", "create", "Ann@example.org", *options).stdout.strip()
    assert first.startswith("sk-") and len(first) == 35
    second = cli("api-key", "create", "ben@example.org").stdout.strip()
    cli("api-key", "create", "ben@example.org")
    listed = json.loads(cli("api-key", "list", "--json").stdout)
    assert {one["owner"] for one in listed} == {"ann@example.org", "ben@example.org"}
    (key,) = json.loads(cli("api-key", "list", "--email", "ann@example.org", "--json").stdout)
    assert (key["name"], key["scopes"], key["endpoints"]) == (
        "nightly",
        ["chats:read"],
        ["/api/models"],
    )
    table = cli("api-key", "list").stdout
    assert first[:7] in table and "ann@example.org" in table and first not in table
    assert "Revoked 1." in cli("api-key", "revoke", first).stdout
    assert "Revoked 2." in cli("api-key", "revoke", "ben@example.org", stdin="y\n").stdout
    assert second[:7] not in cli("api-key", "list").stdout
    again = cli("api-key", "create", "ben@example.org").stdout.strip()
    assert "Revoked 1." in cli("api-key", "revoke", again[:7]).stdout


def test_api_key_commands_reject_invalid_arguments_with_message(cli: CommandLine) -> None:
    cli("user", "add", "ann@example.org", "--password-stdin", stdin="secret\n")
    assert "unknown@example.org" in cli("api-key", "create", "unknown@example.org", code=1).stderr
    bad = cli("api-key", "create", "ann@example.org", "--scope", "sing", code=1)
    assert "'sing'" in bad.stderr
    for argument in ("sk-0000", "sk-" + "0" * 32, "no-such-id", "ann@example.org"):
        assert "There is no such key" in cli("api-key", "revoke", argument, code=1).stderr


def test_former_command_exits_with_2_and_names_the_new_one(cli: CommandLine) -> None:
    for arguments in ((), ("create", "ann@example.org", "--days", "7")):
        assert "`keys` is now `portico api-key`" in cli("keys", *arguments, code=2).stderr
