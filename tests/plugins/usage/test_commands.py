"""`portico usage` prints sums and calls as a table, JSON or CSV."""

import json

import pytest
from tests.plugins.usage.conftest import Rows, made_record

from portico.testing import Client, CommandLine
from portico_usage.components import UsagePlugin


@pytest.mark.both_databases
def test_command_prints_sums_as_table_json_and_csv(
    usage: UsagePlugin, admin: Client, rows: Rows, cli: CommandLine
) -> None:
    usage.writer.add(made_record(user_id=admin.account["id"], at=1_700_000_000))
    usage.writer.add(made_record(model="\x1b[31m=x", at=1_700_000_000))
    rows("usage_day")
    assert cli("usage").stdout.splitlines()[0].split() == [
        "day", "calls", "failed", "calls", "input", "tokens", "output", "tokens", "cost", "USD",
    ]  # fmt: skip
    assert "2023-11-14" in cli("usage").stdout
    by_user = json.loads(cli("usage", "--by", "month", "--by", "user", "--json").stdout)
    assert {(one["month"], one["user_email"]) for one in by_user} == {
        ("2023-11", "ada@example.org"),
        ("2023-11", ""),
    }
    assert "\x1b" not in cli("usage", "--by", "model").stdout
    head, *lines = cli("usage", "--by", "model", "--csv").stdout.splitlines()
    assert head.startswith("model,calls,failed_calls") and len(lines) == 2


@pytest.mark.both_databases
def test_command_prints_single_calls(
    usage: UsagePlugin, admin: Client, rows: Rows, cli: CommandLine
) -> None:
    usage.writer.add(made_record(user_id=admin.account["id"], at=1_700_000_000))
    rows("usage_day")
    assert "2023-11-14 22:13:20  ada@example.org" in cli("usage", "--calls").stdout
    assert cli("usage", "--calls", "--user", "ada@example.org", "--from", "2023-11-15").stdout == ""
    refused = cli("usage", "--calls", "--by", "day", code=2)
    assert "leave out --by" in refused.stderr
