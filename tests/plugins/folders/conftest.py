"""A house with folders, and two people who have some."""

from typing import Any

import pytest

from portico.testing import Client, InProcessApp

FOLDERS = "/api/v1/folders/"
NOT_FOUND = "We could not find what you're looking for :/"
PROHIBITED = (
    "You do not have permission to access this resource. "
    "Please contact your administrator for assistance."
)
EXISTS = "[ERROR: Folder already exists]"
NOT_UPDATED = "[ERROR: Error updating folder]"
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_PLUGINS_ONLY": "accounts,password,groups,folders"}


@pytest.fixture
def ann(admin: Client) -> Client:
    return admin.add_user("Ann")


@pytest.fixture
def bob(admin: Client) -> Client:
    return admin.add_user("Bob")


def new_folder(person: Client, name: str = "Trips", inside: str | None = None, **more: Any) -> str:
    """The id of a new folder."""
    answer = person.post(FOLDERS, {"name": name, **more})
    assert answer.status == 200, answer
    if inside is not None:
        assert move(person, answer.json["id"], inside) == 200
    return str(answer.json["id"])


def move(person: Client, folder_id: str, parent_id: str | None) -> int:
    """The status of putting one folder into another."""
    answer = person.post(f"{FOLDERS}{folder_id}/update/parent", {"parent_id": parent_id})
    assert answer.status in (200, 400), answer
    return answer.status


def parents(person: Client) -> dict[str, str | None]:
    """Each folder's name, and that of the one it lies in."""
    listed = person.get(FOLDERS).json
    names = {one["id"]: one["name"] for one in listed} | {None: None}
    return {one["name"]: names[one["parent_id"]] for one in listed}


def stored(app: InProcessApp) -> list[dict[str, Any]]:
    """All rows as they are in the database."""
    sql = "SELECT * FROM folders_folder ORDER BY id"
    return [dict(row) for row in app.call(app.portico.database.rows, sql)]
