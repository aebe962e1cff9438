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


def test_create_says_why_no_request_with_the_key_is_accepted(cli: CommandLine) -> None:
    cli("user", "add", "ada@example.org", "--password-stdin", stdin="secret\n")
    cli("user", "add", "ben@example.org", "--password-stdin", stdin="secret\n")
    off, on = {"ENABLE_API_KEYS": "false"}, {"ENABLE_API_KEYS": "true"}
    limited = on | {
        "ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS": "true",
        "API_KEYS_ALLOWED_ENDPOINTS": "/api/models",
    }
    chats = ("--endpoint", "/api/v1/chats")
    for words, settings, obstacles in (
        (("ada@example.org",), off, ["ENABLE_API_KEYS=true"]),
        (("ada@example.org",), on, []),
        (("ben@example.org",), on, ["features.api_keys"]),
        (("ben@example.org",), on | {"USER_PERMISSIONS_FEATURES_API_KEYS": "true"}, []),
        (("ada@example.org", *chats), limited, ["API_KEYS_ALLOWED_ENDPOINTS"]),
        (("ada@example.org", "--endpoint", "/api/models/x"), limited, []),
        (("ben@example.org", *chats), off, ["ENABLE_API_KEYS", "features.api_keys"]),
    ):
        done = cli("api-key", "create", *words, settings=settings)
        assert done.stdout.startswith("sk-") and len(done.stdout.split()) == 1
        lines = done.stderr.splitlines()[1:]
        assert len(lines) == len(obstacles), done.stderr
        for line, obstacle in zip(lines, obstacles, strict=True):
            assert obstacle in line
    cli("user", "set-role", "ben@example.org", "pending")
    said = cli("api-key", "create", "ben@example.org", settings=on).stderr
    assert "ben@example.org is pending" in said
