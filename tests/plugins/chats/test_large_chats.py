"""Chats of thousands of messages, and thousands of tags: other requests are served meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from tests.plugins.chats.conftest import new_chat, plugin_of

from portico.db import execute, fetch_all, placeholder_rows, transaction
from portico.testing import Client, InProcessApp
from portico_chats.storage import indexed_texts, message_queries
from portico_chats.tags import queries as tag_queries

CHATS = "/api/v1/chats/"
LENGTH = 4000
#: Minimum turns of other tasks. Without pauses they get fewer than ten; the database alone gives many.
TURNS = 10


def chain(length: int) -> dict[str, Any]:
    """Return a history in which each message answers the one before."""
    messages = {
        f"m{n}": {
            "id": f"m{n}",
            "parentId": f"m{n - 1}" if n else None,
            "childrenIds": [f"m{n + 1}"] if n + 1 < length else [],
            "role": "assistant" if n % 2 else "user",
            "content": f"Number {n}",
        }
        for n in range(length)
    }
    return {"messages": messages, "currentId": f"m{length - 1}"}


@asynccontextmanager
async def counted() -> AsyncIterator[list[int]]:
    """Count the turns that another task gets meanwhile."""
    turns = [0]

    async def count() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(count())
    try:
        yield turns
    finally:
        task.cancel()


@pytest.mark.both_databases
def test_large_chat_does_not_block_other_requests(app: InProcessApp, ann: Client) -> None:
    history = chain(LENGTH)
    branch = list(history["messages"].values())
    longer = {"messages": history["messages"] | {"z": {"id": "z"}}, "currentId": "z"}
    one = {"messages": {"x": {"id": "x"}}, "currentId": "x"}
    done: dict[str, tuple[int, bool]] = {}

    def does(name: str, method: str, path: str, form: Any = None) -> Any:
        """Send a request, and record how many turns there were."""
        transport: Any = ann.transport
        headers = [("authorization", f"Bearer {ann.token}"), ("content-type", "application/json")]
        body = b"" if form is None else msgspec.json.encode(form)

        async def ask() -> Any:
            async with counted() as turns:
                scope = transport._scope("http", CHATS + path, headers) | {"method": method}
                answer = await transport._ask(scope, body)
            done[name] = turns[0], answer.status == 200
            return answer

        return app._portal.call(ask).json

    def forget() -> None:
        plugin_of(app).cache.forget(chat_id)

    fill_tags(app, ann, 500 * (TURNS + 1))
    does("archive all", "POST", "archive/all")
    chat_id = does("new", "POST", "new", {"chat": {"history": history, "messages": branch}})["id"]
    forget()
    does("get", "GET", chat_id)
    forget()
    does("title", "POST", chat_id, {"chat": {"title": "T"}})
    does("one more", "POST", chat_id, {"chat": {"history": longer}})
    does("clone", "POST", f"{chat_id}/clone", {})
    share_id = does("share", "POST", f"{chat_id}/share")["id"]
    does("clone shared", "POST", f"{share_id}/clone/shared")
    does("all", "GET", "all")
    does("replace", "POST", chat_id, {"chat": {"history": one}})
    another = does("again", "POST", "new", {"chat": {"history": history}})["id"]
    does("delete", "DELETE", another)
    does("delete all", "DELETE", "")

    assert {name for name, (_, is_ok) in done.items() if not is_ok} == set()
    assert {name: turns for name, (turns, _) in done.items() if turns < TURNS} == {}


def fill_tags(app: InProcessApp, user: Client, count: int) -> None:
    """Insert tags that no chat has."""

    async def write() -> None:
        async with transaction():
            await tag_queries.lock_owner(user.account["id"])
            for n in range(0, count, 500):
                tags = [(user.account["id"], f"t{m}", "x") for m in range(n, n + 500)]
                values = (value for tag in tags for value in tag)
                insert = f"INSERT INTO chats_tag VALUES {placeholder_rows(500, 3)}"
                await execute(insert, *values)

    app.run(write)


def test_chat_may_exceed_max_values(ann: Client) -> None:
    many = [0] * 100_001  # one more than `server.max_values`
    chat = new_chat(ann, notes=many)

    assert ann.post(CHATS + chat["id"], {"chat": {"notes": [*many, 1]}}).status == 200
    assert ann.get(CHATS + chat["id"]).json["chat"]["notes"] == [*many, 1]


@pytest.fixture
def pieces(app: InProcessApp, ann: Client) -> Callable[[int], int]:
    """Return how many rows of texts PostgreSQL reads when that many are deleted. 0 on SQLite, which cannot report it."""
    chat_id = new_chat(ann)["id"]
    seen = (
        "SELECT COALESCE(SUM(idx_tup_fetch + seq_tup_read), 0) AS n FROM pg_stat_xact_user_tables "
        "WHERE relname = 'chats_text'"
    )

    async def drop(count: int) -> int:
        parts = {f"p{n}": "text" for n in range(count)}
        async with transaction():
            await indexed_texts.add(ann.account["id"], chat_id, parts)
            before = (
                0 if app.portico.database.dialect == "sqlite" else (await fetch_all(seen))[0]["n"]
            )
            await indexed_texts.delete(chat_id, list(parts))
            assert await fetch_all("SELECT 1 FROM chats_text WHERE part LIKE 'p%'") == []
            after = (
                0 if app.portico.database.dialect == "sqlite" else (await fetch_all(seen))[0]["n"]
            )
        return int(after) - int(before)

    return lambda count: int(app.run(drop, count))


def test_deleting_many_texts_reads_only_these(pieces: Callable[[int], int]) -> None:
    few, many = pieces(500), pieces(4000)

    assert many <= 2 * 8 * few


async def _all(chat_id: str) -> tuple[list[str], list[str]]:
    return list(await message_queries.bodies(chat_id)), list(await message_queries.of(chat_id))


@pytest.mark.parametrize("count", [499, 500, 501, 1001])
def test_messages_are_read_in_order_across_pages(
    count: int, app: InProcessApp, ann: Client
) -> None:
    history = chain(count)
    chat_id = ann.post(CHATS + "new", {"chat": {"history": history}}).json["id"]
    same = "UPDATE chats_message SET position = 5 WHERE chat_id = $1 AND id LIKE 'm1%'"
    app.run(app.portico.database.execute, same, chat_id)

    bodies, kept = app.run(_all, chat_id)

    alike = sorted(one for one in history["messages"] if one.startswith("m1"))
    others = [one for one in history["messages"] if not one.startswith("m1")]
    assert bodies == kept == [*alike, *others]
