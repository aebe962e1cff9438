"""Concurrent first accounts in several processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from portico.db import Database
from portico.identity import Identity

pytestmark = pytest.mark.anyio
SCRIPT = Path(__file__).with_name("first_account.py")


@pytest.mark.case("AB-14")
async def test_fifty_sign_ups_in_three_processes_make_one_administrator(
    identity: Identity, database: Database, database_url: str, tmp_path: Path
) -> None:
    root = Path(__file__).parents[3]
    inherited = dict(os.environ)  # noqa: TID251 - a child's
    path = os.pathsep.join(
        filter(None, [str(root / "tests"), str(root / "core"), inherited.get("PYTHONPATH")])
    )
    processes = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), database_url, str(tmp_path), prefix, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**inherited, "PYTHONPATH": path},
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
