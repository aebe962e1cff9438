"""Replies whose request, database or end went wrong: each is stored in the end, and nothing is left of it."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.reply_requests import ask, start_chat, stored, until_end
from tests.upstream import BEHAVIOURS, DONE, Connection, Upstream, chunk, streaming

from portico.api import SourceFailed
from portico.api.db import fetch_all
from portico.api.interfaces import RunningReplies
from portico.boot import Application
from portico.testing import Client, InProcessApp
from portico_chats.service import Chats
from portico_completions.replies import store
from portico_completions.replies.ending import CRASHED, Ending
from portico_completions.replies.message_text import TextChange
from portico_completions.replies.reply import Reply, ReplyOptions
from portico_completions.replies.running import StopOrder
from portico_completions.replies.store import JournalEntry, ReplyRow

WORDS = "word0 word1 word2 word3 word4"


def replies_of(app: InProcessApp) -> Any:
    return app.portico.context.services.get(RunningReplies)


async def rows() -> list[Any]:
    return [*await store.all_of(None), *await fetch_all("SELECT * FROM completions_reply_change")]


def wait_until_nothing_is_left(app: InProcessApp, user: Client) -> None:
    while user.get("/api/tasks").json["tasks"] or len(replies_of(app)):
        pass
    assert app.run(rows) == []


@pytest.mark.both_databases
def test_exactly_the_maximum_of_fifty_simultaneous_requests_begins(
    app: InProcessApp, user: Client
) -> None:
    chats = [start_chat(user) for _ in range(50)]
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda chat: ask(user, *chat, model="silence"), chats))
    assert Counter(answer.status for answer in answers) == {200: 8, 429: 42}

    begun = [answer.json["task_id"] for answer in answers if answer.status == 200]
    with ThreadPoolExecutor(16) as threads:  # each twice at once
        stops = list(threads.map(lambda one: user.post(f"/api/tasks/stop/{one}"), begun * 2))
    assert {stop.status for stop in stops} == {200}
    wait_until_nothing_is_left(app, user)
    assert [ask(user, *chat, model="silence").status for chat in chats[:9]] == [200] * 8 + [429]


def test_reply_is_stopped_before_its_source_has_answered(app: InProcessApp, user: Client) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        task_id = ask(user, chat_id, message_id, model="silent").json["task_id"]
        assert user.post(f"/api/tasks/stop/{task_id}").json["status"] is True
        assert until_end(socket, message_id)[-1][0] == "chat:tasks:cancel"
    assert stored(user, chat_id, message_id)["done"] is True
    wait_until_nothing_is_left(app, user)


def test_plain_stream_of_a_message_can_be_stopped(
    app: InProcessApp, user: Client, upstream: Upstream
) -> None:
    chat_id, message_id = start_chat(user)
    with ThreadPoolExecutor(1) as thread:
        stream = thread.submit(ask, user, chat_id, message_id, model="silence", session_id="")
        while not (tasks := user.get("/api/tasks").json["tasks"]):
            pass
        while not stored(user, chat_id, message_id)["content"]:
            pass
        stopped = user.post(f"/api/tasks/stop/{tasks[0]}").json
        assert stopped["message"] == f"Task {tasks[0]} successfully stopped."
        assert b"first" in stream.result().body
    message = stored(user, chat_id, message_id)
    assert (message["content"], message["done"]) == ("first", True)
    assert "error" not in message
    upstream.wait_until_idle()
    wait_until_nothing_is_left(app, user)


def test_message_of_a_failed_reply_is_answered_again_without_the_error(user: Client) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, model="status-500")
        until_end(socket, message_id)
        assert stored(user, chat_id, message_id)["error"]["content"]
        ask(user, chat_id, message_id)
        until_end(socket, message_id)
    message = stored(user, chat_id, message_id)
    assert (message["content"], message["done"], message["error"]) == (WORDS, True, None)


def test_two_replies_for_one_message_leave_one_of_the_texts(
    app: InProcessApp, user: Client
) -> None:
    chat_id, message_id = start_chat(user)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: ask(user, chat_id, message_id, model="slow"), range(2)))
    wait_until_nothing_is_left(app, user)
    assert stored(user, chat_id, message_id)["content"] == WORDS


def test_deleted_message_and_chat_take_no_reply(app: InProcessApp, user: Client) -> None:
    chat_id, message_id = start_chat(user)
    ask(user, chat_id, message_id, model="slow")
    chat = user.get(f"/api/v1/chats/{chat_id}").json["chat"]
    del chat["history"]["messages"][message_id]
    chat["history"]["currentId"] = "q"
    chat["history"]["messages"]["q"]["childrenIds"] = []
    user.post(f"/api/v1/chats/{chat_id}", json={"chat": chat})
    wait_until_nothing_is_left(app, user)
    assert set(user.get(f"/api/v1/chats/{chat_id}").json["chat"]["history"]["messages"]) == {"q"}


@pytest.mark.case("AB-07")
def test_reply_of_a_deleted_account_ends(
    app: InProcessApp, user: Client, admin: Client, upstream: Upstream
) -> None:
    ask(user, *start_chat(user), model="endless")
    ask(user, "local:1", "a", model="silent")
    account_id = user.get("/api/v1/auths/").json["id"]
    assert admin.delete(f"/api/v1/users/{account_id}").status == 200
    upstream.wait_until_idle()
    wait_until_nothing_is_left(app, admin)


async def lose(row: ReplyRow, text: str) -> None:
    await store.insert(row)
    await store.add_changes([JournalEntry(row.id, 1, TextChange(0, text))])


def lost_row(app: InProcessApp, user: Client, reply_id: str, **more: str) -> ReplyRow:
    chat_id, message_id = start_chat(user)
    names = {
        "id": reply_id,
        "user_id": user.get("/api/v1/auths/").json["id"],
        "chat_id": chat_id,
        "message_id": message_id,
        "instance_id": app.portico.instance_channel.instance_id,
    }
    return ReplyRow(**(names | more), started_at=1)


@pytest.mark.both_databases
def test_row_that_its_own_instance_does_not_know_is_stored_as_interrupted(
    app: InProcessApp, user: Client
) -> None:
    lost = lost_row(app, user, "lost")
    app.run(lose, lost, "so far")
    running = start_chat(user)
    task_id = ask(user, *running, model="silence").json["task_id"]

    replies = replies_of(app)
    app.run(replies._recovery.run)

    message = stored(user, lost.chat_id, lost.message_id)
    assert (message["content"], message["done"]) == ("so far", True)
    assert message["error"]["type"] == "interrupted"
    assert user.get("/api/tasks").json == {"tasks": [task_id]}


def test_lost_rows_without_a_chat_do_not_stop_the_search(app: InProcessApp, user: Client) -> None:
    gone = [lost_row(app, user, f"{n}", chat_id=chat) for n, chat in enumerate(("none", "local:1"))]
    good = lost_row(app, user, "good", instance_id="dead")
    for row in (*gone, good):
        app.run(lose, row, "so far")

    async def recover_twice_at_once() -> None:
        recovery = replies_of(app)._recovery
        await asyncio.gather(recovery.run(), recovery.run())

    app.run(recover_twice_at_once)
    assert stored(user, good.chat_id, good.message_id)["content"] == "so far"
    assert app.run(rows) == []


@pytest.mark.both_databases
def test_reply_of_an_instance_that_has_just_started_is_not_taken_for_lost(
    app: InProcessApp, env: dict[str, str], user: Client
) -> None:
    live_ids = app.portico.instance_channel.live_ids
    other = InProcessApp(env)
    at_other = Client(other.client.transport, user.token)
    task_id = ask(at_other, *start_chat(user), model="silence").json["task_id"]

    app.portico.instance_channel.live_ids = live_ids  # as before it has noticed the other
    app.run(replies_of(app)._recovery.run)

    assert user.get("/api/tasks").json == {"tasks": [task_id]}
    other.close()


def test_reply_that_the_store_refuses_is_stored_without_what_the_source_added(
    app: InProcessApp, user: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portico_completions.replies import running

    refused: list[str] = []
    real = running.Replies._store

    async def refuse_usage(self: Any, reply: Any, ending: Any, fields: dict[str, Any]) -> Any:
        if "usage" in fields:
            refused.append("usage")
            raise ValueError("not storable")
        return await real(self, reply, ending, fields)

    monkeypatch.setattr(running.Replies, "_store", refuse_usage)
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, model="reasoning")
        assert until_end(socket, message_id)[-1][1]["done"] is True
    assert refused
    assert stored(user, chat_id, message_id)["content"].endswith("The answer")
    wait_until_nothing_is_left(app, user)


def test_journal_that_was_committed_without_a_confirmation_is_written_again(
    app: InProcessApp, user: Client
) -> None:
    row = lost_row(app, user, "one")
    app.run(lose, row, "so ")

    async def again() -> str:
        entries = [
            JournalEntry("one", n, TextChange(3 * n - 3, t)) for n, t in ((1, "so "), (2, "far"))
        ]
        await store.add_changes(entries)
        return await store.text_of("one")

    assert app.run(again) == "so far"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "execute", "data": {"code": "alert(1)"}},
        {"type": "execute:python", "data": {"code": "1"}},
        {"type": "confirmation", "data": {}},
        {"type": "request:chat:completion", "data": {}},
        {"type": "chat:tasks:cancel"},
        {"type": "chat:message:delta", "data": {"content": "x"}},
        {"type": ["status"]},
        "status",
    ],
)
def test_source_sends_only_events_that_display_something(
    user: Client, event: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = {"type": "status", "data": {"description": "Searching"}}
    blocks = [chunk("hi", event=event), chunk(event=status)]
    ends = b'data: {"choices":[],"done":true,"content":"wrong"}\n\n'
    done = streaming(*blocks, ends, chunk(finish="stop"), b"data: [DONE]\n\n")
    monkeypatch.setitem(BEHAVIOURS, "crlf", done)
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, model="crlf")
        events = until_end(socket, message_id)
    assert {kind for kind, _ in events} == {"status", "chat:completion"}
    assert [data for _, data in events if "done" in (data or {})] == [events[-1][1]]
    assert events[-1][1]["content"] == "hi"


ODD = [
    {"usage": 5},
    {"usage": {"a": "x" * 2_000_000}},
    {"sources": "x" * 2_000_000},
    {"selected_model_id": "x" * 2_000_000},
    {"usage": [1], "timings": 5},
    {"system_fingerprint": {"a": 1e308}},
    {"choices": [{"index": 0, "delta": {"content": "more", "tool_calls": [{"index": None}]}}]},
]


@pytest.mark.parametrize("odd", ODD)
def test_odd_chunks_do_not_harm_the_text(
    app: InProcessApp, user: Client, odd: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour = streaming(
        chunk("hi "), chunk("there ", **odd), chunk(finish="stop"), b"data: [DONE]\n\n"
    )
    monkeypatch.setitem(BEHAVIOURS, "crlf", behaviour)
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, model="crlf")
        until_end(socket, message_id)
    message = stored(user, chat_id, message_id)
    expected = "hi more" if "choices" in odd else "hi there"
    assert message["content"].split("\n")[0] == expected
    assert len(str(message)) < 10_000
    wait_until_nothing_is_left(app, user)


def test_text_that_is_too_long_ends_the_reply_with_a_reason(
    user: Client, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portico_completions.replies.reply.MAX_CHARS", 50)
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, model="endless")
        assert "chat:message:error" in dict(until_end(socket, message_id))
    message = stored(user, chat_id, message_id)
    assert 50 < len(message["content"]) < 70
    assert "longer than" in message["error"]["content"]
    upstream.wait_until_idle()


@pytest.mark.parametrize("finish", ["false", "true"])
def test_plain_stream_that_is_too_long_to_be_stored_is_relayed_whole(
    env: dict[str, str],
    finish: str,
    monkeypatch: pytest.MonkeyPatch,
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(
        env | {"PORTICO_COMPLETIONS_FINISH_AFTER_DISCONNECT": finish}, complete_schema
    )
    user = app.client.sign_up("Ada")
    monkeypatch.setattr("portico_completions.replies.reply.MAX_CHARS", 50)
    chat_id, message_id = start_chat(user)
    plain = ask(user, chat_id, message_id, model="huge-line", session_id="")
    assert len(plain.body) > 10_000_000
    wait_until_nothing_is_left(app, user)
    assert "longer than" in stored(user, chat_id, message_id)["error"]["content"]
    chat_id, message_id = start_chat(user)
    assert ask(user, chat_id, message_id, session_id="").status == 200
    wait_until_nothing_is_left(app, user)
    assert stored(user, chat_id, message_id)["content"] == WORDS
    app.close()


@pytest.mark.both_databases
def test_instance_that_was_taken_for_dead_stores_the_whole_reply_when_it_ends(
    app: InProcessApp, user: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    async def held(connection: Connection) -> None:
        await connection.begin()
        await connection.send(chunk("first "))
        while not released.is_set():
            await asyncio.sleep(0.02)
        for block in (chunk("last"), chunk(finish="stop"), DONE):
            await connection.send(block)
        await connection.end()

    monkeypatch.setitem(BEHAVIOURS, "crlf", held)
    chat_id, message_id = start_chat(user)
    task_id = ask(user, chat_id, message_id, model="crlf").json["task_id"]
    while stored(user, chat_id, message_id)["content"] != "first":
        pass

    async def take_for_dead() -> None:
        recovery = replies_of(app)._recovery
        row = await store.find(task_id)
        await recovery._store(row, Ending("interrupted", CRASHED))
        await replies_of(app).journal.write()

    app.run(take_for_dead)
    assert stored(user, chat_id, message_id)["error"]["type"] == "interrupted"
    released.set()
    while len(replies_of(app)):
        pass
    message = stored(user, chat_id, message_id)
    assert (message["content"], message["error"]) == ("first last", None)
    wait_until_nothing_is_left(app, user)


def test_chat_is_read_whole_when_its_reply_ends_while_it_is_read(
    app: InProcessApp, user: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reply ends after the document was read, and before the texts so far were asked for again."""
    chat_id, message_id = start_chat(user)
    task_id = ask(user, chat_id, message_id, model="silence").json["task_id"]
    while stored(user, chat_id, message_id)["content"] != "first":
        pass
    real, calls = Chats._read, []

    async def read_and_then_stop(self: Any, chat: str, where: Any) -> Any:
        found = await real(self, chat, where)
        if not calls:
            calls.append(chat)
            replies = replies_of(app)
            replies._stop(StopOrder(reply_id=task_id))
            while len(replies):
                await asyncio.sleep(0.01)
        return found

    monkeypatch.setattr(Chats, "_read", read_and_then_stop)
    message = stored(user, chat_id, message_id)
    assert calls
    assert (message["content"], message["done"]) == ("first", True)


def silent_reply() -> Reply:
    app: Any = None  # sends nothing
    row = ReplyRow("one", "user", "chat", "message", "instance", 1)
    return Reply(app, row, ReplyOptions(reasoning_tags=()), is_silent=True)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("slow down", "slow down"),
        ({"message": "slow down"}, "slow down"),
        ({"message": 5}, "The model has reported an error."),
        (True, "The model has reported an error."),
    ],
)
def test_error_inside_a_stream_fails_the_reply_and_keeps_its_text(error: Any, text: str) -> None:
    reply = silent_reply()
    reply.feed(chunk("so far"))
    with pytest.raises(SourceFailed, match=text):
        reply.feed(chunk(error=error))
    reply.close()
    assert reply.text == "so far"


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"hello": 1}', b'{"choices": []}', b"\xff"])
def test_answer_that_is_no_completion_fails_the_reply(body: bytes) -> None:
    with pytest.raises(SourceFailed, match="completion"):
        silent_reply().feed_completion(body)


def test_usage_that_is_not_text_is_not_stored() -> None:
    reply = silent_reply()
    reply.feed(b'data: {"choices":[],"usage":{"a":"\xff"}}\n\n')
    assert reply.fields == {}
