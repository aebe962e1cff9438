"""Imports of every supported format, complete, over HTTP and from the command line."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.one_database import on_sqlite
from tests.plugins.chats.conftest import chat_import, document

from portico.testing import Client, InProcessApp
from portico_chats.transfer.batches import BatchedImport

CHATS = "/api/v1/chats/"
IMPORT = CHATS + "import"
FOLDER = "c0d8b249-17cc-4e43-af52-17fee131b809"

#: Imports bytes; returns the new chats in order, or the error as a text.
ImportChats = Callable[[bytes], Any]


def row(title: str, **changes: Any) -> dict[str, Any]:
    """Return a chat as a 0.6.41 export contains it."""
    return {
        "id": f"id of {title}",
        "user_id": "other",
        "title": title,
        "chat": document(title=title),
        "updated_at": 1_700_000_001,
        "created_at": 1_700_000_000,
        "share_id": None,
        "archived": False,
        "pinned": False,
        "meta": {},
        "folder_id": None,
    } | changes


def newer_row(title: str, **changes: Any) -> dict[str, Any]:
    """Return a chat as a 0.12.4 export contains it."""
    more = ("variables", "tasks", "summary", "current_message_id", "context_usage")
    return row(title, **changes) | dict.fromkeys(more)


@pytest.fixture(params=["http", "command"])
def import_chats(request: pytest.FixtureRequest, app: InProcessApp, ann: Client) -> ImportChats:
    def over_http(body: bytes) -> Any:
        answer = ann.post(IMPORT, body=body)
        return answer.json if answer.status == 200 else json.dumps(answer.detail)

    def from_a_file(text: bytes) -> Any:
        async def work() -> Any:
            batched = BatchedImport(chat_import(app, ann, text))
            return [one.id for one in (await batched.run()).chats]

        try:
            ids = app.run(work)
        except Exception as error:
            return str(error)
        return [ann.get(CHATS + chat_id).json for chat_id in ids]

    return over_http if request.param == "http" else from_a_file


def titles(found: Any) -> list[str]:
    assert isinstance(found, list), found
    return [one["title"] for one in found]


def encoded(*documents: Any) -> bytes:
    return b"\n".join(json.dumps(one).encode() for one in documents)


@pytest.mark.parametrize(
    "text",
    [
        encoded([row("one"), row("two")]),
        encoded({"version": 2, "chats": [row("one"), row("two")], "more": {"chats": 5}}),
        encoded(row("one")) + encoded(row("two")),
        encoded([row("one")], [row("two")]),
        encoded(row("one"), {"chats": [row("two")]}),
        encoded(newer_row("one"), newer_row("two")) + b"\n",
        b"\xef\xbb\xbf" + encoded([row("one")]) + b"\r\n\xef\xbb\xbf" + encoded([row("two")]),
        encoded([document(title="one"), document(title="two")]),
        encoded([{"title": "one", "messages": []}, row("two")]),
    ],
    ids=["list", "wrapper", "joined", "lists", "mixed", "lines", "bom", "documents", "old"],
)
def test_two_chats_are_imported_from_every_format(import_chats: ImportChats, text: bytes) -> None:
    assert titles(import_chats(text)) == ["one", "two"]


def test_single_exported_chat_is_imported_unchanged(import_chats: ImportChats) -> None:
    (found,) = import_chats(encoded(row("one", pinned=True, archived=True)))

    assert (found["chat"], found["pinned"], found["archived"]) == (
        document(title="one"),
        True,
        True,
    )
    assert (found["created_at"], found["updated_at"]) == (1_700_000_000, 1_700_000_001)


def test_sqlite_row_is_imported_as_chat(import_chats: ImportChats) -> None:
    (found,) = import_chats(
        encoded(
            [
                row(
                    "one",
                    chat=json.dumps(document(title="one")),
                    meta='{"tags": ["lex"]}',
                    archived=0,
                    pinned=1,
                    created_at="1700000000",
                    updated_at=1_700_000_000.5,
                )
            ]
        )
    )

    assert found["chat"] == document(title="one")
    assert (found["meta"], found["archived"], found["pinned"]) == ({"tags": ["lex"]}, False, True)
    assert (found["created_at"], found["updated_at"]) == (1_700_000_000, 1_700_000_000)


def test_single_document_keeps_time_and_tags(import_chats: ImportChats) -> None:
    alone = document(title="one", timestamp=1_600_000_000_000, tags=["Lex", {"name": "tax"}])

    (found,) = import_chats(encoded([alone]))

    assert (found["chat"], found["meta"]) == (alone, {"tags": ["lex", "tax"]})
    assert found["created_at"] == found["updated_at"] == 1_600_000_000


@on_sqlite
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (encoded([row("one")]) + b" oops", "unexpected text at byte"),
        (encoded([row("one"), row("two")])[:-40], "cut off"),
        (encoded([row("one")]).decode().encode("utf-16"), "UTF-16"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"{}", "not an export of chats: it contains no chats"),
        (encoded({"models": [{"id": "m"}]}), "not an export of chats"),
        (encoded({"uuid": "x", "chat_messages": []}), "Claude"),
        (encoded([row("one"), {"uuid": "x", "chat_messages": []}]), "Claude"),
        (encoded([row("one", chat='{"title": "cut')]), "chat"),
        (encoded([row("one", pinned="perhaps")]), "pinned"),
        (encoded([row("one", folder=5)]), "folder"),
        (encoded([{"mapping": {"a": 5}}]), "mapping"),
    ],
)
def test_unreadable_import_is_refused_with_reason(
    import_chats: ImportChats, ann: Client, text: bytes, expected: str
) -> None:
    assert expected in import_chats(text)
    assert ann.get(CHATS + "all").json == []


def test_import_creates_no_shares(
    import_chats: ImportChats, app: InProcessApp, bob: Client
) -> None:
    (found,) = import_chats(encoded([row("one", share_id="19041648-b0de-4b59-a320-9bdfed7379cf")]))

    assert found["share_id"] is None
    assert bob.get(f"{CHATS}share/19041648-b0de-4b59-a320-9bdfed7379cf").status == 404


class TestFolders:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"PORTICO_PLUGINS_ONLY": "accounts,password,chats,folders"}

    @staticmethod
    def folders(user: Client) -> dict[str, str]:
        """Return the names by id."""
        return {one["id"]: one["name"] for one in user.get("/api/v1/folders/").json}

    def test_named_folders_are_created_once(self, import_chats: ImportChats, ann: Client) -> None:
        mine = ann.post("/api/v1/folders/", {"name": "Work"}).json["id"]

        found = import_chats(
            encoded(
                {
                    "folders": [
                        {"id": "f1", "name": "Trips", "parent_id": None},
                        {"id": "f2", "name": "Spain", "parent_id": "f1"},
                    ],
                    "chats": [
                        row("a", folder_id="f2"),
                        row("b", folder_id="f1"),
                        row("c", folder="WORK"),
                        row("d", folder_id="f9", folder={"name": "Lex"}),
                        row("e", folder_id="unknown"),
                        row("f", archived=True, folder_id="f1"),
                    ],
                }
            )
        )

        names = self.folders(ann)
        assert sorted(names.values()) == ["Lex", "Spain", "Trips", "Work"]
        assert [names.get(one["folder_id"]) for one in found] == [
            *("Spain", "Trips", "Work", "Lex", None, "Trips")
        ]
        assert found[2]["folder_id"] == mine
        parents = {one["name"]: one["parent_id"] for one in ann.get("/api/v1/folders/").json}
        assert names[parents["Spain"]] == "Trips"

    def test_chats_of_one_foreign_folder_share_a_folder(
        self, import_chats: ImportChats, ann: Client
    ) -> None:
        found = import_chats(
            encoded([row("a", folder_id=FOLDER), row("b", folder_id=FOLDER), row("c")])
        )

        (folder_id,) = names = self.folders(ann)
        assert names[folder_id] == "Imported folder c0d8b249"
        assert [one["folder_id"] for one in found] == [folder_id, folder_id, None]

    def test_import_never_uses_folders_of_others(
        self, import_chats: ImportChats, ann: Client, bob: Client
    ) -> None:
        theirs = bob.post("/api/v1/folders/", {"name": "F"}).json["id"]

        (found,) = import_chats(encoded([row("a", folder_id=theirs)]))

        assert found["folder_id"] is None
        assert self.folders(ann) == {}


class TestWithoutFolders:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        only = {"PORTICO_PLUGINS_ONLY": "accounts,password,chats,folders"}
        return env | only | {"USER_PERMISSIONS_FEATURES_FOLDERS": "false"}

    def test_import_without_folder_permission_reports_missing_folders(self, ann: Client) -> None:
        (expected,) = ann.post(f"{IMPORT}?dry_run=true", [row("a", folder="Lex")]).json["chats"]
        assert (expected["in_folder"], "in no folder" in expected["note"]) == (False, True)
        assert ann.post(IMPORT, [row("a", folder="Lex")]).json[0]["folder_id"] is None
