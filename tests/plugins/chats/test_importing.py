"""Import of chats: imported fields, owner, and that all or none are imported."""

import json
from typing import Any

import pytest
from tests.effort import examples
from tests.plugins.chats.conftest import document, new_chat

from portico.api.interfaces import ChatChanged
from portico.events import Listener
from portico.testing import Client, InProcessApp
from portico_chats.transfer import imported_chat, importer

CHATS = "/api/v1/chats/"
IMPORT = CHATS + "import"
FIELDS = ("title", "chat", "updated_at", "created_at", "archived", "pinned", "meta", "folder_id")


def exported(**changes: Any) -> dict[str, Any]:
    """Return a chat as exports of the reference and of Portico contain it."""
    return {
        "id": "00000000-0000-4000-8000-000000000000",
        "user_id": "other",
        "title": "Trip ideas",
        "chat": document(),
        "updated_at": 2000,
        "created_at": 1000,
        "share_id": "00000000-0000-4000-8000-000000000001",
        "archived": False,
        "pinned": False,
        "meta": {},
        "folder_id": None,
    } | changes


def import_chats(user: Client, *chats: Any) -> list[dict[str, Any]]:
    answer = user.post(IMPORT, list(chats))
    assert answer.status == 200, answer
    return list(answer.json)


def count(app: InProcessApp, table: str) -> int:
    (found,) = app.run(app.portico.database.rows, f"SELECT COUNT(*) AS n FROM {table}")
    return int(found["n"])


def test_import_keeps_all_but_ids_and_owner(ann: Client) -> None:
    chat = exported(archived=True, pinned=True, meta={"tags": ["lex"], "more": {"a": 1.50}})

    (imported,) = import_chats(ann, chat)

    assert {name: imported[name] for name in FIELDS} == {name: chat[name] for name in FIELDS}
    assert imported["user_id"] == ann.account["id"]
    assert (imported["share_id"], imported["id"] != chat["id"]) == (None, True)
    assert ann.get(CHATS + imported["id"]).json == imported


def test_import_accepts_form_and_keeps_order(ann: Client) -> None:
    forms = [{"chat": document(title=str(number)), "updated_at": number} for number in range(45)]

    answer = ann.post(IMPORT, {"other": 1, "chats": forms})

    assert [one["title"] for one in answer.json] == [str(number) for number in range(45)]
    assert len(ann.get(CHATS).json) == 45
    assert ann.post(IMPORT, []).json == []


def test_missing_fields_get_defaults_of_new_chat(ann: Client) -> None:
    fresh = new_chat(ann)

    (imported,) = import_chats(ann, {"chat": {}, "meta": None, "pinned": None, "folder_id": ""})

    assert (imported["title"], imported["chat"], imported["meta"]) == ("New Chat", {}, {})
    assert imported["created_at"] == imported["updated_at"] >= fresh["created_at"]
    assert (imported["pinned"], imported["archived"], imported["folder_id"]) == (False, False, None)


def test_title_of_row_is_used_without_document_title(ann: Client) -> None:
    assert import_chats(ann, exported(chat={}, title="Beside"))[0]["title"] == "Beside"
    assert import_chats(ann, exported(title="Beside"))[0]["title"] == "Trip ideas"


@pytest.mark.case("AB-56")
def test_import_ignores_ids_and_owners_of_file(app: InProcessApp, ann: Client, bob: Client) -> None:
    theirs = new_chat(bob)
    share_id = bob.post(f"{CHATS}{theirs['id']}/share").json["id"]
    before = bob.get(CHATS + theirs["id"]).json
    forged = exported(id=theirs["id"], user_id=bob.account["id"], share_id=share_id)

    mine = import_chats(ann, forged, forged)

    assert len({theirs["id"], *(one["id"] for one in mine)}) == 3
    assert {one["user_id"] for one in mine} == {ann.account["id"]}
    assert {one["share_id"] for one in mine} == {None}
    assert bob.get(CHATS + theirs["id"]).json == before
    assert len(bob.get(CHATS).json) == 1


def test_imported_tags_belong_to_importer(app: InProcessApp, ann: Client, bob: Client) -> None:
    import_chats(bob, exported(meta={"tags": ["Lex Desk"]}))

    first, second = import_chats(
        ann,
        exported(meta={"tags": ["Lex Desk", "lex_desk", "tax", "None", ""]}),
        exported(meta={"tags": ["LEX desk"]}),
    )

    assert first["meta"] == {"tags": ["lex_desk", "tax"]}
    assert second["meta"] == {"tags": ["lex_desk"]}
    sql = "SELECT id, name FROM chats_tag WHERE user_id = $1 ORDER BY id"
    tags = app.run(app.portico.database.rows, sql, ann.account["id"])
    assert tags == [{"id": "lex_desk", "name": "Lex Desk"}, {"id": "tax", "name": "tax"}]
    assert count(app, "chats_chat_tag") == 4


def test_imported_tags_of_archived_chats_are_unlisted_and_limited(
    app: InProcessApp, ann: Client
) -> None:
    many = ["x" * 129, *(str(number) for number in range(200))]

    first, second = import_chats(
        ann, exported(meta={"tags": ["lex"]}, archived=True), exported(meta={"tags": many})
    )

    assert first["meta"] == {"tags": ["lex"]}
    assert second["meta"] == {"tags": [str(number) for number in range(100)]}
    assert count(app, "chats_tag") == 100
    assert count(app, "chats_chat_tag") == 101


@pytest.mark.parametrize(
    ("chat", "status", "expected"),
    [
        (5, 422, "Expected `object`"),
        ({}, 422, "Field required"),
        ({"chat": 5}, 422, "chat"),
        ({"chat": {"history": 5}}, 422, "history"),
        ({"chat": {"messages": {}}}, 422, "messages"),
        ({"chat": {"title": {}}}, 422, "title"),
        ({"chat": {}, "meta": []}, 422, "meta"),
        ({"chat": {}, "meta": {"tags": [5]}}, 422, "meta"),
        ({"chat": {}, "meta": {"tags": "lex"}}, 422, "meta"),
        ({"chat": {}, "meta": {"a": "x" * 70_000}}, 400, "meta: at most 64 KiB"),
        ({"chat": {}, "pinned": "yes"}, 422, "bool"),
        ({"chat": {}, "created_at": -1}, 400, "created_at"),
        ({"chat": {}, "updated_at": 10**12}, 400, "updated_at"),
        ({"chat": {}, "updated_at": 1e30}, 422, "int"),
        ({"chat": {}, "title": 5}, 422, "title"),
        ({"chat": {}, "folder_id": 5}, 422, "folder_id"),
    ],
)
@pytest.mark.case("AB-58")
def test_one_invalid_chat_rejects_whole_import(
    app: InProcessApp, ann: Client, chat: Any, status: int, expected: str
) -> None:
    answer = ann.post(IMPORT, {"chats": [exported(), chat, exported()]})

    assert answer.status == status
    assert expected in json.dumps(answer.detail)
    if status == 422:
        assert answer.detail[0]["loc"][:3] == ["body", "chats", 1]
    assert count(app, "chats_chat") == count(app, "chats_tag") == 0

    report = ann.post(f"{IMPORT}?dry_run=true", [exported(), chat]).json
    assert [one["index"] for one in report["chats"]] == [0]
    assert [one["index"] for one in report["rejected"]] == [1]
    assert expected in report["rejected"][0]["reason"]


@pytest.mark.parametrize(
    "body", [b"", b"5", b"{}", b"[", b'{"chats":5}', b'[{"chat":{"a":NaN}}]', b'[{"chat":{}},]']
)
@pytest.mark.case("AB-69")
def test_import_of_other_json_is_422(ann: Client, body: bytes) -> None:
    assert ann.post(IMPORT, body=body).status == 422


@pytest.mark.case("AB-58")
def test_import_of_invalid_utf8_is_422(app: InProcessApp, ann: Client) -> None:
    for body in (
        b'[{"chat":{"a":"\xff"}}]',
        b'[{"chat":{},"title":"\xff"}]',
        b'[{"chat":{},"meta":{"a":"\xff"}}]',
        b'[{"chat":{},"folder_id":"\xff"}]',
    ):
        assert ann.post(IMPORT, body=body).status == 422
    assert count(app, "chats_chat") == 0


@pytest.mark.case("AB-58")
def test_import_removes_nul(ann: Client) -> None:
    body = b'[{"chat":{"title":"a\\u0000b"},"meta":{"tags":["l\\u0000ex"],"x":"\\u0000"}}]'

    (imported,) = ann.post(IMPORT, body=body).json

    assert (imported["title"], imported["meta"]) == ("ab", {"tags": ["lex"], "x": ""})
    assert ann.get(CHATS).json[0]["title"] == "ab"


@pytest.mark.case("AB-58")
def test_import_replaces_lone_surrogates() -> None:
    half = b'"a\\ud83d"'
    one = imported_chat.parse_chat(b'{"chat":{"title":%b},"meta":{"tags":[%b]}}' % (half, half))

    assert (one.title, one.meta) == ("a\ufffd", '{"tags":["a\ufffd"]}')


@pytest.mark.case("AB-57")
def test_too_large_import_is_refused_before_writing(
    app: InProcessApp, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "MAX_MESSAGES", 3)
    bodies = [
        b"[" + b'{"chat":{}},' * 50_000 + b'{"chat":{}}]',
        b"[" + b" " * (33 * 1024 * 1024) + b"]",
        json.dumps([exported()] * 4).encode(),
        b'[{"chat":{"a":[' + b"{}," * 250_001 + b"{}]}}]",
        b'[{"chat":{"a":[' + b"1," * 1_000_001 + b"1]}}]",
    ]
    for body in bodies:
        assert ann.post(IMPORT, body=body).status == 413
    assert count(app, "chats_chat") == 0
    assert len(import_chats(ann, *[exported()] * 3)) == 3


@pytest.mark.case("AB-57")
def test_compressed_import_is_not_decompressed(ann: Client) -> None:
    answer = ann.post(IMPORT, body=b"\x1f\x8b" + b"\0" * 100, headers={"content-encoding": "gzip"})
    assert answer.status == 422


@pytest.mark.case("AB-55")
def test_import_drops_foreign_folder(ann: Client) -> None:
    for folder_id in ("absent", "\x00", "🦜"):
        (imported,) = import_chats(ann, exported(folder_id=folder_id))
        assert imported["folder_id"] is None


class TestWithFolders:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"PORTICO_PLUGINS_ONLY": "accounts,password,chats,folders"}

    @pytest.mark.case("AB-55")
    def test_import_keeps_own_folder(self, ann: Client, bob: Client) -> None:
        mine, theirs = (
            one.post("/api/v1/folders/", {"name": "F"}).json["id"] for one in (ann, bob)
        )
        chats = [exported(folder_id=folder_id) for folder_id in (mine, theirs, mine)]

        report = ann.post(f"{IMPORT}?dry_run=1", chats).json
        assert [one["in_folder"] for one in report["chats"]] == [True, False, True]
        assert [one["folder_id"] for one in import_chats(ann, *chats)] == [mine, None, mine]


def test_dry_run_reports_every_chat_and_changes_nothing(app: InProcessApp, ann: Client) -> None:
    expected: list[ChatChanged] = []
    app.portico.events.subscribe("test", [Listener(ChatChanged, expected.append)])

    report = ann.post(f"{IMPORT}?dry_run=true", [exported(meta={"tags": ["Lex"]}), 5]).json

    assert report["chats"] == [
        {"index": 0, "title": "Trip ideas", "messages": 1, "tags": ["lex"], "in_folder": False}
    ]
    assert [one["index"] for one in report["rejected"]] == [1]
    assert count(app, "chats_chat") == count(app, "chats_tag") == 0
    assert expected == []
    assert ann.post(f"{IMPORT}?dry_run=maybe", []).status == 422


def test_imported_chats_are_published_after_commit(app: InProcessApp, ann: Client) -> None:
    expected: list[ChatChanged] = []
    app.portico.events.subscribe("test", [Listener(ChatChanged, expected.append)])

    ids = [one["id"] for one in import_chats(ann, exported(), exported())]
    ann.post(IMPORT, [exported(), 5])

    assert expected == [ChatChanged(one, ann.account["id"], "created") for one in ids]


@pytest.mark.both_databases
def test_failed_import_is_rolled_back(
    app: InProcessApp, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = iter(["one", "two", "one"])
    monkeypatch.setattr(importer, "new_id", lambda: next(ids))

    assert ann.post(IMPORT, [exported()] * 3).status == 500

    assert count(app, "chats_chat") == count(app, "chats_message") == 0


def test_many_chats_survive_export_and_import(app: InProcessApp, ann: Client, bob: Client) -> None:
    def exported_chats(user: Client) -> list[dict[str, Any]]:
        async def read() -> bytes:
            from portico.api.json import json_array_stream
            from portico_chats.transfer import exporter

            found = exporter.blocks(user.account["id"])
            return b"".join([part async for part in json_array_stream(found)])

        return list(json.loads(app.run(read)))

    def bare(chats: list[dict[str, Any]]) -> list[dict[str, Any]]:
        left = [{name: one[name] for name in FIELDS} for one in chats]
        return sorted(left, key=lambda one: str(one["title"]))

    chats = [
        exported(
            chat=document(title=f"{number:04}", note={"n": number, "x": "é🦜" * (number % 7)}),
            title=f"{number:04}",
            created_at=number,
            updated_at=2 * number,
            archived=number % 3 == 0,
            pinned=number % 5 == 0,
            meta={"tags": [f"t{number % 4}"], "n": number} if number % 2 else {},
        )
        for number in range(examples(1000))
    ]
    import_chats(ann, *chats)

    first = exported_chats(ann)
    import_chats(bob, *first)
    second = exported_chats(bob)

    assert bare(first) == bare(second) == bare(chats)
    assert {one["id"] for one in first}.isdisjoint(one["id"] for one in second)
    assert {one["user_id"] for one in second} == {bob.account["id"]}


class TestWithNothingKept:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"USER_PERMISSIONS_CHAT_TEMPORARY_ENFORCED": "true"}

    def test_only_administrators_import_chats(self, ann: Client, admin: Client) -> None:
        assert ann.post(IMPORT, [exported()]).status == 403
        assert len(import_chats(admin, exported())) == 1


def test_import_limits_exceed_typical_exports() -> None:
    message = {"id": "m", "content": "x, y, {z}" * 10, "usage": {"a": 1}, "childrenIds": ["a", "b"]}
    chat = {"chat": {"history": {"messages": {str(n): message for n in range(10_000)}}}}

    assert not imported_chat.is_too_large(json.dumps(chat).encode())
