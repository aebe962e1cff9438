"""A house with an operator's directory of policy pages, some people, a group and a model of Ada's."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from portico.testing import Client, House

Portico = Callable[..., subprocess.CompletedProcess[str]]
AddGroup = Callable[..., str]


@pytest.fixture
def laws(tmp_path: Path) -> Path:
    """The operator's pages."""
    directory = tmp_path / "laws"
    directory.mkdir()
    return directory


@pytest.fixture
def environment(environment: dict[str, str], laws: Path) -> dict[str, str]:
    return environment | {
        "PORTICO_PLUGINS_ONLY": "accounts,password,models,chats,law",
        "PORTICO_ACCESS_POLICY_DIR": str(laws),
        "BYPASS_ADMIN_ACCESS_CONTROL": "false",
    }


@pytest.fixture
def portico(environment: Mapping[str, str], tmp_path: Path) -> Portico:
    """Run the command line: `portico("policy", "show", code=0)`."""

    def run(*words: str | Path, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "portico", *map(str, words)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=dict(environment),
            timeout=50,
            check=False,
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture
def add_group(house: House, admin: Client) -> AddGroup:
    """Make a group: `add_group("Staff", ben)`. Returns its id."""

    def make(name: str, *members: Client) -> str:
        directory = house.portico.identity.directory

        async def work() -> str:
            group = await directory.create_group(
                name=name, description="", by=admin.account["id"], permissions=None
            )
            await directory.add_members(group.id, [one.account["id"] for one in members])
            return str(group.id)

        return str(house.call(work))

    return make


def add_model(by: Client, model_id: str = "legal-desk", **access: Any) -> str:
    """A model shared with nobody, or with `read={"group_ids": [...]}`."""
    form = {
        "id": model_id,
        "name": model_id,
        "base_model_id": "gpt",
        "meta": {},
        "params": {},
        "access_control": access,
    }
    answer = by.post("/api/v1/models/create", form)
    assert answer.status == 200, answer
    return model_id


def put_page(by: Client, name: str, text: str) -> Any:
    return by.request("PUT", f"/api/v1/policies/pages/{name}", json={"text": text})
