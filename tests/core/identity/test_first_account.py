"""Concurrent first accounts in several processes."""

import sys
from pathlib import Path

import pytest
from tests.engines import SWITCH
from tests.forked_processes import popen

from portico.db import Database
from portico.identity import Identity
from portico.testing.processes import bare_environment

pytestmark = pytest.mark.anyio


@pytest.mark.case("AB-14")
async def test_fifty_sign_ups_in_three_processes_make_one_administrator(
    identity: Identity, database: Database, database_url: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.core.identity.first_account", database_url]
    processes = [
        popen(
            [*command, str(tmp_path), prefix, str(number)],
            cwd=Path(__file__).parents[3],
            env={**bare_environment(), **SWITCH},
        )
        for prefix, number in (("a", 17), ("b", 17), ("c", 16))
    ]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    roles = [role for process in processes for role in process.communicate(timeout=60)[0].split()]
    assert sorted(roles) == ["admin"] + ["pending"] * 49
    accounts = await identity.account_list.all()
    assert [account.role for account in accounts].count("admin") == 1 and len(accounts) == 50
