"""Deletion of folders, alone or with their owner: which plugins are asked before, and which events are published."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.error_details import ACCESS_PROHIBITED, NOT_FOUND
from tests.plugins.folders.conftest import (
    FOLDERS,
    new_folder,
    parents,
    stored,
)

from portico.api.interfaces import FoldersDeleting
from portico.boot import Application
from portico.db import fetch_all
from portico.errors import Forbidden
from portico.events import Listener
from portico.testing import Client, InProcessApp
from portico_folders.events import FolderChanged

Involve = Callable[[Callable[[FoldersDeleting], Any]], None]


@pytest.fixture
def involve(app: InProcessApp) -> Iterator[Involve]:
    """Add a listener that stores things in folders: `involve(handle)`."""

    def add(handle: Callable[[FoldersDeleting], Any]) -> None:
        app.portico.events.subscribe("keeper", [Listener(FoldersDeleting, handle)])

    yield add
    app.portico.events.unsubscribe("keeper")


@pytest.mark.case("AB-51")
def test_deletion_includes_subtree_and_calls_listeners(
    app: InProcessApp, ann: Client, bob: Client, involve: Involve
) -> None:
    top = new_folder(ann, "Top")
    middle = new_folder(ann, "Middle", inside=top)
    low = new_folder(ann, "Low", inside=middle)
    new_folder(ann, "Other")
    new_folder(bob, "Top")
    seen: list[tuple[FoldersDeleting, int]] = []

    async def note(event: FoldersDeleting) -> None:
        seen.append((event, len(await fetch_all("SELECT id FROM folders_folder"))))

    involve(note)

    answer = ann.delete(FOLDERS + top)

    assert (answer.status, answer.json) == (200, True)
    assert (parents(ann), parents(bob)) == ({"Other": None}, {"Top": None})
    ((event, there),) = seen
    assert there == 5  # the folders still exist while the listener is called
    assert sorted(event.ids) == sorted((top, middle, low))
    assert (event.actor.id, event.delete_contents) == (ann.account["id"], True)
    again = ann.delete(FOLDERS + top)
    assert (again.status, again.detail) == (404, NOT_FOUND)


@pytest.mark.parametrize(
    ("query", "contents"),
    [("", True), ("?delete_contents=true", True), ("?delete_contents=1", True),
     ("?delete_contents=false", False), ("?delete_contents=0", False), ("?delete_contents=False", False)],
)  # fmt: skip
def test_delete_contents_is_passed_to_listeners(
    ann: Client, involve: Involve, query: str, contents: bool
) -> None:
    seen: list[FoldersDeleting] = []
    involve(seen.append)
    assert ann.delete(FOLDERS + new_folder(ann) + query).status == 200
    assert [event.delete_contents for event in seen] == [contents]


def test_invalid_delete_contents_deletes_nothing(ann: Client, involve: Involve) -> None:
    seen: list[FoldersDeleting] = []
    involve(seen.append)
    answer = ann.delete(f"{FOLDERS}{new_folder(ann)}?delete_contents=maybe")
    assert (answer.status, answer.detail[0]["loc"]) == (422, ["query", "delete_contents"])
    assert seen == [] and len(parents(ann)) == 1


@pytest.mark.case("D-CHAT-11")
def test_listener_can_refuse_deletion(app: InProcessApp, ann: Client, involve: Involve) -> None:
    top = new_folder(ann, "Top")
    low = new_folder(ann, "Low", inside=top)
    told: list[Any] = []
    app.portico.events.subscribe("keeper", [Listener(FolderChanged, told.append)])

    async def refuse(event: FoldersDeleting) -> None:
        if low in event.ids:
            raise Forbidden

    involve(refuse)
    before = stored(app)

    answer = ann.delete(FOLDERS + top)

    assert (answer.status, answer.detail) == (403, ACCESS_PROHIBITED)
    assert stored(app) == before
    assert told == []


@pytest.mark.both_databases
def test_policy_rule_grants_read_and_write_but_not_delete(
    env: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "ours.csv").write_text("p, folder, *, role:admin, allow\n")
    env["PORTICO_ACCESS_POLICY_DIR"] = str(tmp_path)
    ann: Client = request.getfixturevalue("ann")
    admin: Client = request.getfixturevalue("admin")
    involve: Involve = request.getfixturevalue("involve")
    seen: list[FoldersDeleting] = []
    involve(seen.append)
    folder_id = new_folder(ann)
    theirs = new_folder(admin, "Admin's")

    assert admin.get(FOLDERS + folder_id).json["name"] == "Trips"
    assert admin.post(f"{FOLDERS}{folder_id}/update", {"name": "Other"}).json["name"] == "Other"
    into_own = admin.post(f"{FOLDERS}{folder_id}/update/parent", {"parent_id": theirs})
    assert into_own.status == 400
    refused = admin.delete(FOLDERS + folder_id)
    assert (refused.status, refused.detail) == (403, ACCESS_PROHIBITED)
    assert parents(admin) == {"Admin's": None}
    assert parents(ann) == {"Other": None}
    assert seen == []


def test_account_deletion_deletes_folders(
    app: InProcessApp, admin: Client, ann: Client, bob: Client
) -> None:
    top = new_folder(ann, "Top")
    low = new_folder(ann, "Low", inside=top)
    kept = new_folder(bob)
    eve = admin.add_user("Eve")  # never had any
    told: list[FolderChanged] = []
    app.portico.events.subscribe("test", [Listener(FolderChanged, told.append)])

    for user in (ann, eve):
        assert admin.delete(f"/api/v1/users/{user.account['id']}").status == 200

    assert [row["id"] for row in stored(app)] == [kept]
    assert {(event.id, event.user_id, event.change) for event in told} == {
        (one, ann.account["id"], "deleted") for one in (top, low)
    }
    owners = app.run(app.portico.database.rows, "SELECT user_id FROM folders_owner")
    assert [one["user_id"] for one in owners] == [bob.account["id"]]


def test_account_deletion_deletes_folders_of_disabled_plugin(
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(env, complete_schema)
    ada = app.client.sign_up("Ada")
    new_folder(ada.add_user("Ann"))
    app.close()

    app = InProcessApp(env | {"PORTICO_PLUGINS_ONLY": "accounts,password"})
    ada = app.client.sign_in("Ada")
    (ann,) = (one for one in ada.get("/api/v1/users/").json["users"] if one["name"] == "Ann")
    assert ada.delete(f"/api/v1/users/{ann['id']}").status == 200
    assert stored(app) == []
    app.close()


@pytest.mark.both_databases
def test_concurrent_creation_leaves_no_folder_of_deleted_account(
    app: InProcessApp, env: dict[str, str], admin: Client
) -> None:
    elsewhere = InProcessApp(env)
    try:
        with ThreadPoolExecutor(4) as threads:
            for n in range(10):
                user = admin.add_user(f"Eve{n}")
                there = Client(elsewhere.client.transport, user.token)
                if n % 2:
                    new_folder(user, "First")
                made = [
                    threads.submit(one.post, FOLDERS, {"name": str(number)})
                    for number, one in enumerate((user, there, user))
                ]
                gone = threads.submit(admin.delete, f"/api/v1/users/{user.account['id']}")
                assert gone.result().status == 200
                # The listener of the creation may find the folder gone, but no error is reported.
                assert {one.result().status for one in made} <= {200, 400, 401}
        assert stored(app) == []
    finally:
        elsewhere.close()


def test_folder_changes_are_published_after_commit(app: InProcessApp, ann: Client) -> None:
    told: list[tuple[str, str]] = []
    owners: set[str] = set()

    def note(event: FolderChanged) -> None:
        told.append((event.id, event.change))
        owners.add(event.user_id)

    app.portico.events.subscribe("test", [Listener(FolderChanged, note)])
    top, low = new_folder(ann, "Top"), new_folder(ann, "Low")
    ann.post(f"{FOLDERS}{low}/update", {"name": "Lower"})
    ann.post(f"{FOLDERS}{low}/update", {"name": "Top"})  # exists already
    ann.post(f"{FOLDERS}{low}/update/parent", {"parent_id": top})
    ann.post(f"{FOLDERS}{top}/update/parent", {"parent_id": low})  # a cycle
    ann.post(f"{FOLDERS}{low}/update/expanded", {"is_expanded": True})
    ann.delete(FOLDERS + top)

    assert told[:5] == [
        (top, "created"), (low, "created"), (low, "updated"), (low, "updated"), (low, "updated"),
    ]  # fmt: skip
    assert sorted(told[5:]) == sorted([(top, "deleted"), (low, "deleted")])
    assert owners == {ann.account["id"]}


def test_deletion_handles_more_folders_than_one_statement(
    app: InProcessApp, ann: Client, involve: Involve
) -> None:
    top = new_folder(ann, "Top")
    sql = (
        "INSERT INTO folders_folder (id, user_id, parent_id, name, normalized_name, search_name, created_at, updated_at) "
        "VALUES ($1, $2, $3, $1, $1, $1, 1, 1)"
    )

    async def fill() -> None:
        from portico.db import execute, transaction

        async with transaction():
            for n in range(1200):
                await execute(sql, f"f{n}", ann.account["id"], top)

    app.run(fill)
    seen: list[FoldersDeleting] = []
    involve(seen.append)
    assert ann.delete(FOLDERS + top).json is True
    assert [len(event.ids) for event in seen] == [1201]
    assert stored(app) == []
