"""Replies while the database is away, while few connections serve many of them, and when clients hang up anywhere."""

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from tests.api_keys import KEYS, ON, new_key, permit
from tests.postgres_proxy import PostgresProxy
from tests.reply_requests import ask, start_chat, stored, until_end
from tests.servers import fresh_database
from tests.upstream import BEHAVIOURS, DONE, Connection, Upstream, chunk

from portico.api.auth import Actor
from portico.api.db import fetch_all
from portico.api.interfaces import RunningReplies
from portico.api.models import GatewayResponse
from portico.boot import Application
from portico.testing import Client, InProcessApp
from portico_completions.replies import store
from portico_completions.replies.followed import FollowedReply, FollowedStream
from portico_completions.replies.reply import ReplyOptions
from portico_completions.request import CompletionRequest

Hold = Callable[[], None]


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hold]:
    """Has the model `crlf` send `first ` and then wait; the fixture has it send `last` and the end."""
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
    yield released.set
    released.set()


def replies_of(app: InProcessApp) -> Any:
    return app.portico.context.services.get(RunningReplies)


def wait_for_text(user: Client, chat_id: str, message_id: str) -> None:
    while not stored(user, chat_id, message_id)["content"]:
        pass


@pytest.mark.parametrize("database_url", [""])  # the proxy's own
def test_reply_that_ends_while_the_database_is_away_is_stored_when_it_is_back(
    env: dict[str, str], postgres: str, upstream: Upstream, release: Hold
) -> None:
    own = {"DATABASE_TYPE": "", "DATABASE_PASSWORD": "", "DATABASE_POOL_TIMEOUT": "1"}
    with fresh_database(postgres) as url, PostgresProxy(url) as proxy:
        app = InProcessApp(env | own | {"DATABASE_URL": proxy.url})
        user = app.client.sign_up("Ada")
        chat_id, message_id = start_chat(user)
        with user.connect_socket() as socket:
            ask(user, chat_id, message_id, model="crlf")
            wait_for_text(user, chat_id, message_id)
            proxy.refuse()
            release()
            upstream.wait_until_idle()
            assert len(replies_of(app)) == 1
            proxy.accept()
            assert until_end(socket, message_id)[-1][1]["content"] == "first last"
        message = stored(user, chat_id, message_id)
        assert (message["content"], message["done"]) == ("first last", True)
        assert "error" not in message
        assert user.get("/api/tasks").json == {"tasks": []}
        app.close()


@pytest.mark.case("FT-11")
def test_hundred_replies_and_streams_hold_no_database_connection(
    env: dict[str, str],
    upstream: Upstream,
    release: Hold,
    complete_schema: Callable[[Application], None],
) -> None:
    limits = {
        "DATABASE_POOL_SIZE": "5",
        "DATABASE_POOL_TIMEOUT": "5",
        "PORTICO_COMPLETIONS_MAX_RUNNING": "200",
    }
    app = InProcessApp(env | limits, complete_schema)
    user = app.client.sign_up("Ada")
    chats = [start_chat(user) for _ in range(100)]
    streams = []
    for number, (chat_id, message_id) in enumerate(chats):
        if number % 2:
            assert ask(user, chat_id, message_id, model="crlf").status == 200
        else:
            plain = threading.Thread(
                target=ask, args=(user, chat_id, message_id, "crlf"), kwargs={"session_id": ""}
            )
            plain.start()
            streams.append(plain)
    for chat in chats:
        wait_for_text(user, *chat)

    assert {user.get("/api/v1/chats/").status for _ in range(100)} == {200}
    assert len(user.get("/api/tasks").json["tasks"]) == 100

    release()
    for stream in streams:
        stream.join()
    while user.get("/api/tasks").json["tasks"]:
        pass
    assert {stored(user, *chat)["content"] for chat in chats} == {"first last"}
    app.close()


async def actor_of(user: dict[str, Any]) -> Actor:
    found = await fetch_all("SELECT id FROM portico_session WHERE account_id = $1", user["id"])
    return Actor(user["id"], user["email"], user["name"], user["role"], "", found[0]["id"])


@pytest.mark.case("FT-05")
def test_requests_that_are_cancelled_anywhere_leave_no_reply(
    app: InProcessApp, user: Client
) -> None:
    replies, rng = replies_of(app), random.Random(14)  # noqa: S311 - chooses moments
    actor = app.run(actor_of, user.get("/api/v1/auths/").json)
    chats = [start_chat(user) for _ in range(120)]
    answer = GatewayResponse(body=b'{"choices":[{"message":{"content":"whole"}}]}')
    options = ReplyOptions(reasoning_tags=())

    async def produce() -> GatewayResponse:
        return answer

    async def blocks() -> Any:
        yield chunk("whole")
        await asyncio.sleep(0)
        yield chunk(finish="stop") + DONE

    def request_for(chat_id: str, message_id: str) -> CompletionRequest:
        return CompletionRequest(
            model="m",
            messages=[],
            stream=True,
            body={},
            params={},
            variables={},
            chat_id=chat_id,
            message_id=message_id,
            parent_id="q",
            direct=False,
            model_item=msgspec.Raw(b"null"),
        )

    async def read_stream(request: CompletionRequest) -> None:
        running = await replies.follow(actor, request, options)
        stream = FollowedStream(blocks(), FollowedReply(replies, running))
        try:
            async for _ in stream:
                pass
        finally:
            await stream.aclose()

    async def storm() -> None:
        for number, chat in enumerate(chats):
            request = request_for(*chat)
            work = (
                read_stream(request)
                if number % 2
                else replies.start(actor, request, options, produce)
            )
            task = asyncio.create_task(work)
            await asyncio.sleep(rng.random() * 0.01)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        while len(replies):
            await asyncio.sleep(0.01)
        await replies._recovery.run()

    app.run(storm)

    assert app.run(store.all_of, None) == []
    assert not replies._of_account and not replies._tasks and not replies._starting
    for chat in chats:
        message = stored(user, *chat)
        whole = message["content"] == "whole" and not message.get("error")
        lost = (message.get("error") or {}).get("type") == "interrupted"
        assert whole or lost or "done" not in message


@pytest.mark.parametrize(
    "sent", [{"content": "fir"}, {"content": ""}, {"content": "first", "done": False}]
)
def test_chat_that_a_window_sends_while_the_reply_grows_costs_no_text(
    app: InProcessApp, user: Client, release: Hold, sent: dict[str, Any]
) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, model="crlf")
        wait_for_text(user, chat_id, message_id)
        chat = user.get(f"/api/v1/chats/{chat_id}").json["chat"]
        chat["history"]["messages"][message_id] |= sent
        # The user has gone to another branch as well.
        chat["history"]["messages"]["b"] = {
            "id": "b",
            "parentId": None,
            "childrenIds": [],
            "role": "user",
            "content": "Other",
        }
        chat["history"]["currentId"] = "b"
        user.post(f"/api/v1/chats/{chat_id}", json={"chat": chat})
        assert stored(user, chat_id, message_id)["content"] == "first"

        release()
        assert until_end(socket, message_id)[-1][1]["content"] == "first last"
        user.post(f"/api/v1/chats/{chat_id}", json={"chat": chat})
    messages = user.get(f"/api/v1/chats/{chat_id}").json["chat"]["history"]["messages"]
    assert set(messages) == {"q", message_id, "b"}
    assert (messages[message_id]["content"], messages[message_id]["done"]) == ("first last", True)


@pytest.mark.case("AB-07")
def test_reply_ends_when_its_account_is_set_to_pending_or_its_key_is_deleted(
    env: dict[str, str], release: Hold, complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env | ON, complete_schema)
    admin = app.client.sign_up("Ada")
    user = admin.add_user("Ben")
    permit(admin, user)
    key = new_key(user)
    by_key = Client(user.transport, key["api_key"])
    chat = start_chat(user)
    assert ask(by_key, *chat, model="crlf").status == 200
    wait_for_text(user, *chat)
    assert user.delete(f"{KEYS}/{key['id']}").status == 200
    while user.get("/api/tasks").json["tasks"]:
        pass
    assert stored(user, *chat)["error"]["type"] == "interrupted"

    chat = start_chat(user)
    ask(user, *chat, model="crlf")
    wait_for_text(user, *chat)
    form = {"name": "Ben", "email": "ben@example.org", "profile_image_url": "", "role": "pending"}
    assert admin.post(f"/api/v1/users/{user.account['id']}/update", json=form).status == 200
    while admin.get("/api/tasks").json["tasks"]:
        pass
    for path in ("/api/tasks", f"/api/tasks/chat/{chat[0]}"):
        assert user.get(path).status == 401
    assert user.post("/api/tasks/stop/x").status == 401
    assert ask(user, *chat).status == 401
    assert app.run(store.all_of, None) == []
    app.close()
