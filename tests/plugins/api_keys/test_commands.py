"""`portico keys …`, as somebody at the keyboard sees it."""

import json

import pytest

from portico.testing import CommandLine

pytestmark = pytest.mark.timeout(120)


def test_keys_are_made_listed_and_revoked(cli: CommandLine) -> None:
    for name in ("ann", "ben"):
        cli("user", "add", f"{name}@example.org", "--password-stdin", said="secret\n")
    assert cli("keys", "list").stdout == "There are no keys.\n"
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
    first = cli("keys", "create", "Ann@example.org", *options).stdout.strip()
    assert first.startswith("sk-") and len(first) == 35
    second = cli("keys", "create", "ben@example.org").stdout.strip()
    cli("keys", "create", "ben@example.org")
    listed = json.loads(cli("keys", "list", "--json").stdout)
    assert {one["owner"] for one in listed} == {"ann@example.org", "ben@example.org"}
    (anns,) = json.loads(cli("keys", "list", "--email", "ann@example.org", "--json").stdout)
    assert (anns["name"], anns["scopes"], anns["endpoints"]) == (
        "nightly",
        ["chats:read"],
        ["/api/models"],
    )
    drawn = cli("keys", "list").stdout
    assert first[:7] in drawn and "ann@example.org" in drawn and first not in drawn
    assert "Revoked 1." in cli("keys", "revoke", first).stdout
    assert "Revoked 2." in cli("keys", "revoke", "ben@example.org", said="y\n").stdout
    assert second[:7] not in cli("keys", "list").stdout
    again = cli("keys", "create", "ben@example.org").stdout.strip()
    assert "Revoked 1." in cli("keys", "revoke", again[:7]).stdout


def test_what_cannot_be_is_said(cli: CommandLine) -> None:
    cli("user", "add", "ann@example.org", "--password-stdin", said="secret\n")
    assert "nobody@example.org" in cli("keys", "create", "nobody@example.org", code=1).stderr
    bad = cli("keys", "create", "ann@example.org", "--scope", "sing", code=1)
    assert "'sing'" in bad.stderr
    for which in ("sk-0000", "sk-" + "0" * 32, "no-such-id", "ann@example.org"):
        assert "There is no such key" in cli("keys", "revoke", which, code=1).stderr
