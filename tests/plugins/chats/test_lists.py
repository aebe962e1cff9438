"""Lists of chats over HTTP: access, order, and whole chats as a stream."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.error_details import NOT_FOUND
from tests.one_database import on_sqlite
from tests.plugins.chats.conftest import document, fill, new_chat, new_folder

from portico.api.policy import EVERY_ROW
from portico.testing import Client, InProcessApp
from portico_chats.listing import queries as list_queries

CHATS = "/api/v1/chats/"
DEFAULT = "Something went wrong :/"
ITEM = ["id", "title", "updated_at", "created_at"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The current time in epoch seconds, which advances with each call."""
    time = [1000]

    def look() -> int:
        time[0] += 1
        return time[0]

    for module in ("service", "flags.service", "access"):
        monkeypatch.setattr(f"portico_chats.{module}.now", look)
    yield time


def titles(answer: Any) -> list[str]:
    assert answer.status == 200, answer
    return [one["title"] for one in answer.json]


def make(user: Client, *names: str, **marks: Any) -> list[str]:
    """Create chats with these titles, each changed by these routes. Returns their ids."""
    ids = []
    for name in names:
        ids.append(new_chat(user, title=name)["id"])
        for path, body in marks.items():
            assert user.post(f"{CHATS}{ids[-1]}/{path}", body).status == 200
    return ids


def test_pinned_list_excludes_archived_chats(ann: Client, bob: Client, clock: list[int]) -> None:
    make(ann, "plain")
    make(ann, "one", "two", pin=None)
    make(ann, "archived", pin=None, archive=None)
    make(bob, "theirs", pin=None)

    answer = ann.get(CHATS + "pinned")
    assert titles(answer) == ["two", "one"]
    assert list(answer.json[0]) == ITEM


@pytest.mark.both_databases
def test_archived_list_is_sorted_as_requested(ann: Client, bob: Client, clock: list[int]) -> None:
    first, *_ = make(ann, "b", "c", "a", archive=None)
    ann.post(CHATS + first, {"chat": {"models": []}})
    make(ann, "plain")
    make(bob, "theirs", archive=None)

    answer = ann.get(CHATS + "archived")
    assert titles(answer) == ["b", "a", "c"]
    assert list(answer.json[0]) == ITEM
    for query, expected in {
        "order_by=title&direction=asc": "abc", "order_by=title&direction=DESC": "cba",
        "order_by=created_at&direction=asc": "bca", "order_by=updated_at&direction=asc": "cab",
        "order_by=title": "bac", "direction=asc": "bac", "order_by=&direction=": "bac",
    }.items():  # fmt: skip
        assert "".join(titles(ann.get(f"{CHATS}archived?{query}"))) == expected


@on_sqlite
@pytest.mark.parametrize("query", [
    "order_by=user_id&direction=asc", "order_by=title%3B&direction=asc", "order_by=chat&direction=desc",
    "order_by=title&direction=up", "order_by=x", "direction=x", "order_by=%00&direction=asc",
])  # fmt: skip
@pytest.mark.case("D-CHAT-6")
def test_unknown_sort_parameters_are_refused(ann: Client, query: str) -> None:
    answer = ann.get(f"{CHATS}archived?{query}")
    assert (answer.status, answer.detail) == (400, DEFAULT)


@pytest.mark.both_databases
def test_archived_title_search_is_literal_in_any_script(ann: Client, clock: list[int]) -> None:
    make(
        ann,
        "Été à Paris",
        "100% of it",
        "snake_case",
        "МОСКВА",
        "東京の旅",
        "back\\slash",
        archive=None,
    )
    for query, expected in {
        "%C3%89T%C3%89": ["Été à Paris"], "paris": ["Été à Paris"], "%25": ["100% of it"], "_": ["snake_case"],
        "%D0%BC%D0%BE%D1%81%D0%BA%D0%B2%D0%B0": ["МОСКВА"], "%E4%BA%AC%E3%81%AE": ["東京の旅"], "%5C": ["back\\slash"],
        "absent": [], "%00": [], "x" * 60_000: [], "%ED%A0%80": [],
    }.items():  # fmt: skip
        assert titles(ann.get(f"{CHATS}archived?query={query}")) == expected
    for direction, expected in {
        "desc": ["Été à Paris", "snake_case", "back\\slash"],
        "asc": ["back\\slash", "snake_case", "Été à Paris"],
    }.items():
        found = ann.get(f"{CHATS}archived?query=s&order_by=title&direction={direction}")
        assert titles(found) == expected


@pytest.mark.both_databases
def test_archived_list_has_60_chats_per_page(app: InProcessApp, ann: Client) -> None:
    fill(app, ann, 130)
    ann.post(CHATS + "archive/all")

    for query in ("", "&query=CHAT"):
        pages = [ann.get(f"{CHATS}archived?page={n}{query}").json for n in (1, 2, 3, 4)]
        assert [len(page) for page in pages] == [60, 60, 10, 0]
        assert [one["title"] for page in pages for one in page] == [
            f"Chat {n}" for n in reversed(range(130))
        ]
        assert ann.get(f"{CHATS}archived?page=-1{query}").json == pages[0]
        assert ann.get(f"{CHATS}archived?page={10**20}{query}").json == []
    assert ann.get(CHATS + "archived?page=x").status == 422


def test_folder_lists_show_folder_and_subtree(ann: Client, clock: list[int]) -> None:
    top = new_folder(ann, "Top")
    low = new_folder(ann, "Low", inside=top)
    make(ann, "top", folder={"folder_id": top})
    make(ann, "low", folder={"folder_id": low})
    make(ann, "pinned", folder={"folder_id": top}, pin=None)
    make(ann, "loose")

    whole = ann.get(f"{CHATS}folder/{top}")
    assert titles(whole) == ["low", "top"]
    assert whole.json == [ann.get(CHATS + one["id"]).json for one in whole.json]
    assert titles(ann.get(f"{CHATS}folder/{low}")) == ["low"]
    listed = ann.get(f"{CHATS}folder/{top}/list")
    assert titles(listed) == ["top"]
    assert list(listed.json[0]) == ["title", "id", "updated_at"]


def test_folder_lists_exclude_chats_archived_with_all(ann: Client) -> None:
    folder = new_folder(ann)
    make(ann, "x", folder={"folder_id": folder})
    ann.post(CHATS + "archive/all")
    assert ann.get(f"{CHATS}folder/{folder}").json == []
    assert ann.get(f"{CHATS}folder/{folder}/list").json == []


@pytest.mark.both_databases
def test_folder_list_has_10_chats_per_page(app: InProcessApp, ann: Client) -> None:
    folder = new_folder(ann)
    fill(app, ann, 23, folder)
    pages = [titles(ann.get(f"{CHATS}folder/{folder}/list?page={n}")) for n in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [10, 10, 3, 0]
    assert [one for page in pages for one in page] == [f"Chat {n}" for n in reversed(range(23))]


@pytest.mark.case("AB-55")
def test_foreign_and_unknown_folders_get_same_response(
    ann: Client, bob: Client, admin: Client
) -> None:
    folder = new_folder(ann)
    make(ann, "x", folder={"folder_id": folder})
    for user in (bob, admin):
        for target in (folder, "absent", "%00", "%F0%9F%A6%9C"):
            for path in (target, f"{target}/list"):
                answer = user.get(f"{CHATS}folder/{path}")
                assert (answer.status, answer.detail) == (404, NOT_FOUND)


def test_all_returns_own_whole_chats(ann: Client, bob: Client, clock: list[int]) -> None:
    make(ann, "plain")
    make(ann, "archived", archive=None)
    make(ann, "pinned", pin=None)
    make(bob, "theirs")

    everything = ann.get(CHATS + "all")
    assert titles(everything) == ["pinned", "archived", "plain"]
    assert everything.json == [ann.get(CHATS + one["id"]).json for one in everything.json]
    assert everything.headers["content-type"] == "application/json"
    archived = ann.get(CHATS + "all/archived")
    assert archived.json == [everything.json[1]]
    assert titles(ann.get("/api/v1/chats/all")) == titles(everything)


@pytest.mark.case("AB-58")
def test_all_includes_unusual_documents(ann: Client) -> None:
    for body in (
        b'{"chat":{}}', b'{"chat":{"history":null,"messages":null}}', b'{"chat":{"title":"a\\u0000b"}}',
        b'{"chat":{"x":1E400,"history":{"messages":{"a":{"content":5}}}}}',
    ):  # fmt: skip
        assert ann.post(CHATS + "new", body=body).status == 200
    assert len(ann.get(CHATS + "all").json) == 4
    ann.post(CHATS + "archive/all")
    assert len(ann.get(CHATS + "all/archived").json) == 4
    assert len(ann.get(CHATS + "archived?query=b").json) == 1


def test_lists_without_chats_are_empty(ann: Client) -> None:
    for path in ("pinned", "archived", "all", "all/archived", "all/tags"):
        assert ann.get(CHATS + path).body == b"[]"
    assert ann.get(f"{CHATS}folder/{new_folder(ann)}").body == b"[]"


@pytest.mark.both_databases
def test_stream_yields_each_chat_once_despite_changes(app: InProcessApp, ann: Client) -> None:
    ids = fill(app, ann, 45)

    async def read() -> list[list[str]]:
        from portico.db import execute

        wanted = await list_queries.ids(ann.account["id"], EVERY_ROW)
        seen = []
        async for block in list_queries.stream(wanted):
            seen.append([one["id"] for one in block])
            # One later chat moves to the front, one is deleted, and one is new.
            await execute("UPDATE chats_chat SET updated_at = 9999 WHERE id = $1", ids[0])
            await execute("DELETE FROM chats_chat WHERE id = $1", ids[1])
        return seen

    blocks = app.run(read)

    assert [len(block) for block in blocks] == [20, 20, 4]
    assert [one for block in blocks for one in block] == [*reversed(ids[2:]), ids[0]]


def test_static_paths_are_not_chat_ids(ann: Client) -> None:
    new_chat(ann)
    for path in ("pinned", "archived", "all", "all/tags", "all/archived", "list"):
        assert isinstance(ann.get(CHATS + path).json, list)
    assert ann.post(CHATS + "tags", {"name": "x"}).json == []
    assert ann.post(CHATS + "archive/all").json is True
    assert ann.post(CHATS + "unarchive/all").json is True
    # An unknown path is not a chat either.
    for method, path in (
        ("GET", "new"),
        ("DELETE", "pinned"),
        ("POST", "all"),
        ("GET", "folder/x/y"),
    ):
        assert ann.request(method, CHATS + path, json={"chat": document()}).status in (404, 405)
    assert len(ann.get(CHATS).json) == 1


#: The index that the query of a list's route uses.
INDEXES = {
    "pinned": "chats_chat_pinned",
    "folder/{folder}/list?page=1": "chats_chat_folder",
    "archived?page=1": "chats_chat_list",
    "?page=1": "chats_chat_list",
}


@pytest.mark.both_databases
@pytest.mark.parametrize("path", INDEXES)
def test_list_queries_use_sorted_index(
    app: InProcessApp, ann: Client, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = new_folder(ann)
    fill(app, ann, 3, folder)
    database = app.portico.database
    read, asked = database.rows, list[tuple[str, tuple[Any, ...]]]()

    async def recorded(sql: str, *args: Any) -> Any:
        asked.append((sql, args))
        return await read(sql, *args)

    with monkeypatch.context() as patch:
        patch.setattr(database, "rows", recorded)
        assert ann.get(CHATS + path.format(folder=folder)).status == 200

    async def plan(sql: str, args: tuple[Any, ...]) -> str:
        if database.dialect == "sqlite":
            found = await database.rows(f"EXPLAIN QUERY PLAN {sql}", *args)
        else:  # a small table is never read by an index
            async with database.transaction():
                for way in ("seqscan", "bitmapscan", "sort"):
                    await database.execute(f"SET LOCAL enable_{way} = off")
                found = await database.rows(f"EXPLAIN {sql}", *args)
        return " ".join(str(list(row.values())) for row in found)

    lists = [(sql, args) for sql, args in asked if "FROM chats_chat" in sql and "ORDER BY" in sql]
    assert lists
    for sql, args in lists:
        told = app.run(plan, sql, args)
        assert INDEXES[path] in told
        assert "TEMP B-TREE" not in told and "Sort" not in told
