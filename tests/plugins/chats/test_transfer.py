"""Chats that move to another server: they are in folders of the same names there."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.plugins.chats.conftest import chat_import, new_chat, new_folder
from tests.servers import fresh_database

from portico.api.db import execute
from portico.api.interfaces import FolderLookup
from portico.api.json import json_array_stream
from portico.cli.main import command_line
from portico.server.logging import configure_logging
from portico.settings.schema import LogSettings
from portico.testing import Client, InProcessApp
from portico_chats.transfer import exporter
from portico_chats.transfer.batches import BatchedImport

CHATS = "/api/v1/chats/"


@pytest.fixture
def elsewhere(
    env: dict[str, str], database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[InProcessApp]:
    """Another server of the same kind, without data."""
    own = env | {"DATA_DIR": str(tmp_path / "elsewhere")}
    if not database_url:
        app = InProcessApp(own)
        yield app
        app.close()
        return
    with fresh_database(request.getfixturevalue("postgres")) as url:
        app = InProcessApp(own | {"DATABASE_URL": url})
        yield app
        app.close()


def put(user: Client, title: str, folder_id: str | None, *, archived: bool = False) -> None:
    chat_id = new_chat(user, title=title)["id"]
    if archived:  # takes it out of its folder, so it comes first
        assert user.post(f"{CHATS}{chat_id}/archive").status == 200
    answer = user.post(f"{CHATS}{chat_id}/folder", {"folder_id": folder_id})
    assert answer.status == 200, answer


def exported(app: InProcessApp, owner_id: str | None = None) -> bytes:
    """Return the output of `portico chat export`."""

    async def work() -> bytes:
        folders = app.portico.context.services.get(FolderLookup)
        return b"".join(
            [part async for part in json_array_stream(exporter.blocks(owner_id, folders))]
        )

    text: bytes = app.run(work)
    return text


def import_chats(app: InProcessApp, owner: Client, text: bytes) -> BatchedImport:
    """Return an import as `portico chat import` runs it."""
    batched = BatchedImport(chat_import(app, owner, text))
    app.run(batched.run)
    return batched


def places(user: Client) -> dict[str, str]:
    """Return the folder of each chat, as a path of names; "" = in no folder."""
    folders = {one["id"]: one for one in user.get("/api/v1/folders/").json}

    def path(folder_id: str | None) -> str:
        if folder_id is None:
            return ""
        one = folders[folder_id]
        return f"{path(one['parent_id'])}/{one['name']}"

    return {one["title"]: path(one["folder_id"]) for one in user.get(CHATS + "all").json}


def names(user: Client) -> list[str]:
    return sorted(one["name"] for one in user.get("/api/v1/folders/").json)


def furnish(user: Client) -> dict[str, str]:
    """Create nested folders with chats in them; the middle one has none. Returns where each chat is."""
    trips = new_folder(user, "Trips")
    spain = new_folder(user, "Año 2024", new_folder(user, "Europe", trips))
    put(user, "plan", trips)
    put(user, "hotel", spain)
    put(user, "old hotel", spain, archived=True)
    put(user, "loose", None)
    return {
        "plan": "/Trips",
        "hotel": "/Trips/Europe/Año 2024",
        "old hotel": "/Trips/Europe/Año 2024",
        "loose": "",
    }


def command(monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, str], *words: str) -> str:
    with monkeypatch.context() as patched:
        for name, value in settings.items():
            patched.setenv(name, value)
        done = CliRunner().invoke(command_line(), ["chat", *words], catch_exceptions=False)
    configure_logging(LogSettings())  # the streams of the runner are closed
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.both_databases
def test_commands_keep_names_and_nesting_of_folders(
    app: InProcessApp,
    elsewhere: InProcessApp,
    ann: Client,
    env: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = furnish(ann)
    file, ann_there = str(tmp_path / "chats.json"), elsewhere.client.sign_up("Ann")
    settings = elsewhere.portico.settings
    other = {"DATA_DIR": str(settings.data_dir), "DATABASE_URL": settings.database.url}

    command(monkeypatch, env, "export", file, "--user", ann.account["email"])
    command(monkeypatch, env | other, "import", file, "--user", ann_there.account["email"])

    assert places(ann_there) == there
    assert names(ann_there) == ["Año 2024", "Europe", "Trips"]
    archived = {one["title"] for one in ann_there.get(CHATS + "archived").json}
    assert archived == {"old hotel"}
    (loose,) = [one for one in json.loads(Path(file).read_bytes()) if one["title"] == "loose"]
    assert "folder" not in loose


def test_http_import_reuses_folders(
    app: InProcessApp, elsewhere: InProcessApp, ann: Client
) -> None:
    there, bob = furnish(ann), elsewhere.client.sign_up("Bob")
    text = exported(app)

    for _ in range(2):
        assert bob.post(CHATS + "import", body=text).status == 200

    assert places(bob) == there
    assert names(bob) == ["Año 2024", "Europe", "Trips"]


def test_equal_folder_names_of_two_accounts_stay_separate(
    app: InProcessApp, elsewhere: InProcessApp, ann: Client, bob: Client
) -> None:
    for user, title in ((ann, "ann's"), (bob, "bob's")):
        inner = new_folder(user, "Lex", new_folder(user, "Work"))
        put(user, title, inner)
    text, eve = exported(app), elsewhere.client.sign_up("Eve")

    import_chats(elsewhere, eve, text)

    assert sorted(places(eve).values()) == ["/Work (2)/Lex", "/Work/Lex"]
    before = places(eve)
    for one in eve.get(CHATS + "all").json:
        if one["title"] == "ann's":
            assert eve.delete(CHATS + one["id"]).status == 200
    import_chats(elsewhere, eve, text)
    assert places(eve) == before


def test_import_leaves_folders_of_other_account_unchanged(
    app: InProcessApp, ann: Client, bob: Client
) -> None:
    there, mine = furnish(ann), new_folder(bob, "trips")
    text = exported(app, ann.account["id"])
    folders = ann.get("/api/v1/folders/").json

    import_chats(app, bob, text)

    assert {title: path.replace("/trips", "/Trips") for title, path in places(bob).items()} == there
    assert mine in {one["id"] for one in bob.get("/api/v1/folders/").json}
    assert names(bob) == ["Año 2024", "Europe", "trips"]
    assert ann.get("/api/v1/folders/").json == folders
    assert places(ann) == there
    theirs = {one["folder_id"] for one in ann.get(CHATS + "all").json} - {None}
    assert not theirs & {one["folder_id"] for one in bob.get(CHATS + "all").json}


def test_import_reuses_existing_folders(app: InProcessApp, ann: Client) -> None:
    there = furnish(ann)
    text = exported(app)
    for one in ann.get(CHATS + "all").json:
        assert ann.delete(CHATS + one["id"]).status == 200

    import_chats(app, ann, text)

    assert places(ann) == there
    assert names(ann) == ["Año 2024", "Europe", "Trips"]


def test_export_handles_folder_cycles_and_foreign_parents(
    app: InProcessApp, ann: Client, bob: Client
) -> None:
    outer, theirs = new_folder(ann, "Outer"), new_folder(bob, "Secret")
    inner = new_folder(ann, "Inner", outer)
    put(ann, "ring", inner)
    put(ann, "foreign", stray := new_folder(ann, "Stray"))

    async def spoil() -> None:
        move = "UPDATE folders_folder SET parent_id = $1 WHERE id = $2"
        await execute(move, inner, outer)
        await execute(move, theirs, stray)

    app.run(spoil)

    found: dict[str, Any] = {one["title"]: one["folder"] for one in json.loads(exported(app))}
    assert found == {
        "ring": {"id": inner, "name": "Inner", "parent": {"id": outer, "name": "Outer"}},
        "foreign": {"id": stray, "name": "Stray"},
    }
