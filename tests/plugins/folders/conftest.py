"""Fixtures: an application with folders, and two users."""

from typing import Any

import pytest

from portico.testing import Client, InProcessApp

FOLDERS = "/api/v1/folders/"
EXISTS = "[ERROR: Folder already exists]"
NOT_UPDATED = "[ERROR: Error updating folder]"
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_PLUGINS_ONLY": "accounts,password,groups,folders"}


def new_folder(user: Client, name: str = "Trips", inside: str | None = None, **more: Any) -> str:
    """Create a folder. Returns its id."""
    answer = user.post(FOLDERS, {"name": name, **more})
    assert answer.status == 200, answer
    if inside is not None:
        assert move(user, answer.json["id"], inside) == 200
    return str(answer.json["id"])


def move(user: Client, folder_id: str, parent_id: str | None) -> int:
    """Move a folder into another one. Returns the status."""
    answer = user.post(f"{FOLDERS}{folder_id}/update/parent", {"parent_id": parent_id})
    assert answer.status in (200, 400), answer
    return answer.status


def parents(user: Client) -> dict[str, str | None]:
    """Return each folder's name, and the name of its parent."""
    listed = user.get(FOLDERS).json
    names = {one["id"]: one["name"] for one in listed} | {None: None}
    return {one["name"]: names[one["parent_id"]] for one in listed}


def stored(app: InProcessApp) -> list[dict[str, Any]]:
    """Return all rows of the database."""
    sql = "SELECT * FROM folders_folder ORDER BY id"
    return [dict(row) for row in app.run(app.portico.database.rows, sql)]
