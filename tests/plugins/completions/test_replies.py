"""Replies that the server generates: they arrive in events, are stored as they grow, and can be stopped."""

from collections.abc import Callable

import pytest
from tests.reply_requests import ask, start_chat, stored, until_end
from tests.upstream import USAGE, Upstream

from portico.boot import Application
from portico.testing import Client, InProcessApp

WORDS = "word0 word1 word2 word3 word4"


@pytest.fixture
def other(admin: Client) -> Client:
    return admin.add_user("Cem")


def test_reply_arrives_in_events_and_is_stored(user: Client) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        answer = ask(user, chat_id, message_id, session_id=socket.id)
        assert answer.json == {"status": True, "task_id": answer.json["task_id"]}
        events = until_end(socket, message_id)

    assert {kind for kind, _ in events} == {"chat:completion"}
    texts = [data["content"] for _, data in events if set(data) == {"content"}]
    assert texts[0].startswith("word0")
    assert texts == sorted(texts, key=len)
    assert events[-1][1] == {"done": True, "content": WORDS, "title": "New Chat"}
    finish = [data for _, data in events if data.get("choices")]
    assert finish[-1]["choices"][0]["finish_reason"] == "stop"
    message = stored(user, chat_id, message_id)
    assert (message["content"], message["done"], message["model"]) == (WORDS, True, "good")
    assert "error" not in message


def test_whole_completion_arrives_in_two_events(user: Client) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, stream=False)
        events = until_end(socket, message_id)

    assert len(events) == 2
    assert events[0][1]["choices"][0]["message"]["content"].strip() == WORDS
    assert events[1][1] == {"done": True, "content": WORDS, "title": "New Chat"}
    assert stored(user, chat_id, message_id)["content"] == WORDS


def test_every_window_of_the_user_sees_the_reply_and_no_other_user(
    user: Client, admin: Client
) -> None:
    chat_id, message_id = start_chat(user)
    with (
        user.connect_socket() as one,
        user.connect_socket() as two,
        admin.connect_socket() as other,
    ):
        # The socket of another account in the request changes nothing.
        ask(user, chat_id, message_id, session_id=other.id)
        assert until_end(one, message_id)[-1][1]["content"] == WORDS
        assert until_end(two, message_id)[-1][1]["content"] == WORDS
        assert [name for name, _ in other.events() if name == "events"] == []


def test_reply_goes_on_without_any_client(user: Client, upstream: Upstream) -> None:
    chat_id, message_id = start_chat(user)
    ask(user, chat_id, message_id, model="slow")
    with user.connect_socket() as socket:
        until_end(socket, message_id)
    assert stored(user, chat_id, message_id)["content"] == WORDS


def test_text_so_far_is_part_of_the_chat_while_the_reply_grows(user: Client) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        task_id = ask(user, chat_id, message_id, model="endless").json["task_id"]
        event = socket.wait_for("events", lambda one: one["data"].get("data", {}).get("content"))
        seen = event["data"]["data"]["content"]

        message = stored(user, chat_id, message_id)
        assert message["content"].startswith(seen)
        assert "done" not in message
        assert user.get("/api/tasks").json == {"tasks": [task_id]}
        assert user.get(f"/api/tasks/chat/{chat_id}").json == {"task_ids": [task_id]}

        answer = user.post(f"/api/tasks/stop/{task_id}")
        assert answer.json == {"status": True, "message": f"Task {task_id} successfully stopped."}
        assert until_end(socket, message_id)[-1] == ("chat:tasks:cancel", None)
    message = stored(user, chat_id, message_id)
    assert message["content"].startswith(seen)
    assert message["done"] is True
    assert "error" not in message
    assert user.get("/api/tasks").json == {"tasks": []}


def test_stopping_closes_the_call_to_the_provider(user: Client, upstream: Upstream) -> None:
    chat_id, message_id = start_chat(user)
    task_id = ask(user, chat_id, message_id, model="silent").json["task_id"]
    upstream.wait_until_busy()
    user.post(f"/api/tasks/stop/{task_id}")
    upstream.wait_until_idle()


@pytest.mark.both_databases
@pytest.mark.case("AB-60")
def test_replies_of_other_accounts_are_not_listed_and_not_stopped(
    user: Client, other: Client, admin: Client
) -> None:
    chat_id, message_id = start_chat(user)
    task_id = ask(user, chat_id, message_id, model="endless").json["task_id"]

    refused = other.post(f"/api/tasks/stop/{task_id}")
    unknown = other.post("/api/tasks/stop/none")

    assert refused.json == {"status": False, "message": f"Task with ID {task_id} not found."}
    assert unknown.json == {"status": False, "message": "Task with ID none not found."}
    assert other.get("/api/tasks").json == {"tasks": []}
    assert other.get(f"/api/tasks/chat/{chat_id}").json == {"task_ids": []}
    assert user.get("/api/tasks").json == {"tasks": [task_id]}
    assert admin.get("/api/tasks").json == {"tasks": [task_id]}
    assert admin.post(f"/api/tasks/stop/{task_id}").json["status"] is True


@pytest.mark.case("AB-61")
def test_account_has_at_most_the_maximum_number_of_replies(user: Client, other: Client) -> None:
    chats = [start_chat(user) for _ in range(9)]
    answers = [ask(user, *chat, model="endless") for chat in chats]

    assert [answer.status for answer in answers] == [200] * 8 + [429]
    assert "At most 8" in answers[-1].json["detail"]
    assert ask(other, *start_chat(other)).status == 200
    user.post(f"/api/tasks/stop/{answers[0].json['task_id']}")
    assert ask(user, *chats[-1]).status == 200


@pytest.mark.parametrize("model", ["cut", "status-500", "html", "error-inside"])
def test_failed_reply_ends_with_one_error_that_is_stored(user: Client, model: str) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, model=model)
        events = until_end(socket, message_id)
        assert [name for name, _ in socket.events() if name == "events"] == []

    kind, data = events[-2]
    assert kind == "chat:message:error"
    # The web client takes no further message until this one comes.
    assert events[-1] == ("chat:tasks:cancel", None)
    message = stored(user, chat_id, message_id)
    assert message["error"] == data["error"]
    assert message["error"]["content"]
    assert message["done"] is True


def test_unknown_model_and_foreign_chat_are_refused_at_once(user: Client, other: Client) -> None:
    chat_id, message_id = start_chat(user)
    assert ask(user, chat_id, message_id, model="none").status == 404
    assert ask(other, chat_id, message_id).status == 404
    assert user.get("/api/tasks").json == {"tasks": []}


def test_temporary_chat_gets_events_and_is_not_stored(user: Client) -> None:
    with user.connect_socket() as socket:
        assert ask(user, "local:1", "a").status == 200
        assert until_end(socket, "a")[-1][1] == {"done": True, "content": WORDS, "title": ""}
    assert user.get("/api/v1/chats/").json == []


def test_deleting_a_chat_stops_its_replies(user: Client, upstream: Upstream) -> None:
    chat_id, message_id = start_chat(user)
    ask(user, chat_id, message_id, model="endless")
    upstream.wait_until_busy()
    user.delete(f"/api/v1/chats/{chat_id}")
    upstream.wait_until_idle()


@pytest.mark.case("AB-07")
def test_signing_out_ends_the_reply_and_keeps_its_text(user: Client, admin: Client) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, model="endless")
        socket.wait_for("events", lambda one: one["data"].get("data", {}).get("content"))
    user.get("/api/v1/auths/signout")
    again = user.sign_in("Ben")
    while again.get("/api/tasks").json["tasks"]:
        pass
    message = stored(again, chat_id, message_id)
    assert message["error"]["type"] == "interrupted"


def test_stale_window_does_not_replace_the_finished_reply(user: Client) -> None:
    chat_id, message_id = start_chat(user)
    before = user.get(f"/api/v1/chats/{chat_id}").json["chat"]
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id)
        until_end(socket, message_id)

    before["history"]["messages"][message_id]["content"] = "word0 wo"
    user.post(f"/api/v1/chats/{chat_id}", json={"chat": before})
    assert stored(user, chat_id, message_id)["content"] == WORDS

    edited = user.get(f"/api/v1/chats/{chat_id}").json["chat"]
    edited["history"]["messages"][message_id]["content"] = "word0"
    user.post(f"/api/v1/chats/{chat_id}", json={"chat": edited})
    assert stored(user, chat_id, message_id)["content"] == "word0"


REASONED = """<details type="reasoning" done="true" duration="0">
<summary>Thought for 0 seconds</summary>
&gt; first
&gt; second
</details>
The answer"""


def test_reasoning_and_usage_are_displayed_and_stored(user: Client) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, model="reasoning")
        data = [data for _, data in until_end(socket, message_id)]

    assert data[0]["choices"][0]["delta"] == {"role": "assistant"}
    assert data[-1]["content"] == REASONED
    assert {"usage": USAGE} in data
    places = [
        data.index(one) for one in data if one.get("choices") or "usage" in one or "done" in one
    ]
    assert places == sorted(places)
    message = stored(user, chat_id, message_id)
    assert (message["content"], message["usage"]) == (REASONED, USAGE)


def test_tool_calls_are_displayed_and_not_executed(user: Client, upstream: Upstream) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, model="tools")
        content = until_end(socket, message_id)[-1][1]["content"]

    assert content.startswith('<details type="tool_calls" done="true" id="call_1" name="weather"')
    assert "{&quot;city&quot;: &quot;Bern&quot;}" in content
    assert stored(user, chat_id, message_id)["content"] == content
    assert len(upstream.completions()) == 1


def test_existing_text_of_a_message_is_continued(user: Client) -> None:
    chat_id, message_id = start_chat(user)
    user.post(f"/api/v1/chats/{chat_id}/messages/{message_id}", json={"content": "Once: "})
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id)
        assert until_end(socket, message_id)[-1][1]["content"] == "Once: " + WORDS


def test_changes_of_chats_reach_the_sockets_of_their_owner(user: Client, other: Client) -> None:
    with user.connect_socket() as socket, other.connect_socket() as foreign:
        chat_id, message_id = start_chat(user)
        user.post(f"/api/v1/chats/{chat_id}/messages/{message_id}", json={"content": "new"})
        user.post(
            f"/api/v1/chats/{chat_id}/messages/{message_id}/event",
            json={"type": "status", "data": {"description": "Searching", "done": False}},
        )
        user.delete(f"/api/v1/chats/{chat_id}")
        events = [data for name, data in socket.events() if name == "events"]

        assert [one["data"]["type"] for one in events] == [
            "chat:created",
            "chat:updated",
            "chat:message",
            "chat:updated",
            "status",
            "chat:deleted",
        ]
        assert {one["chat_id"] for one in events} == {chat_id}
        assert events[2]["data"]["data"] == {
            "chat_id": chat_id,
            "message_id": message_id,
            "content": "new",
        }
        assert events[4]["data"]["data"] == {"description": "Searching", "done": False}
        assert [name for name, _ in foreign.events() if name == "events"] == []


def test_plain_stream_of_a_message_is_stored_with_it(user: Client) -> None:
    chat_id, message_id = start_chat(user)
    answer = ask(user, chat_id, message_id, session_id="")
    assert answer.headers["content-type"] == "text/event-stream"
    while user.get("/api/tasks").json["tasks"]:
        pass
    message = stored(user, chat_id, message_id)
    assert (message["content"], message["done"]) == (WORDS, True)


def test_plain_stream_without_a_stored_chat_writes_nothing(user: Client) -> None:
    for chat_id, message_id in (("local:1", ""), ("", "a"), ("local:1", "a")):
        assert ask(user, chat_id, message_id, session_id="").status == 200
    assert user.get("/api/tasks").json == {"tasks": []}


OBSERVER = """
from portico.api import Listener, PluginInfo, hookimpl
from portico.api.interfaces import ReplyDelta, ReplyEnded, ReplyStarted
from portico.api.web import Controller, get

PLUGIN = PluginInfo(api_version=1, summary="Remembers what replies publish.")

@hookimpl
def register_components():
    return []

@hookimpl
def register_listeners(plugin):
    def note(event):
        plugin.append([type(event).__name__, event.id, event.message_id,
                       getattr(event, "text", ""), getattr(event, "outcome", ""), getattr(event, "content", "")])
    return [Listener(kind, note) for kind in (ReplyStarted, ReplyDelta, ReplyEnded)]

class Routes(Controller):
    @get("/api/x/observer")
    async def observed(self) -> list[list[str]]:
        return self.plugin

@hookimpl
def register_routes():
    return [Routes]
"""


def test_plugins_get_the_start_the_deltas_and_the_end_of_a_reply(
    install: Callable[..., None],
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
) -> None:
    install("observer", OBSERVER)
    app = InProcessApp(env, complete_schema)
    user = app.client.sign_up("Ada")
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        task_id = ask(user, chat_id, message_id).json["task_id"]
        until_end(socket, message_id)
    observed = user.get("/api/x/observer").json
    app.close()

    assert {(one[1], one[2]) for one in observed} == {(task_id, message_id)}
    assert [one[0] for one in observed][:1] == ["ReplyStarted"]
    assert observed[-1][0] == "ReplyEnded"
    assert observed[-1][4:] == ["finished", WORDS]
    assert "".join(one[3] for one in observed if one[0] == "ReplyDelta").strip() == WORDS


def test_raw_chunks_are_sent_where_the_setting_says_so(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env | {"ENABLE_REALTIME_CHAT_SAVE": "true"}, complete_schema)
    user = app.client.sign_up("Ada")
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id)
        data = [data for _, data in until_end(socket, message_id)]
    message = stored(user, chat_id, message_id)
    app.close()

    deltas = [one["choices"][0]["delta"].get("content", "") for one in data if "choices" in one]
    assert "".join(deltas).strip() == WORDS
    assert not [one for one in data if set(one) == {"content"}]
    assert data[-1]["content"] == message["content"] == WORDS


def test_client_that_was_away_when_a_reply_ended_is_told_when_it_is_back(
    user: Client, upstream: Upstream
) -> None:
    finished, failed = start_chat(user), start_chat(user)
    ask(user, *finished)
    ask(user, *failed, model="cut")
    while user.get("/api/tasks").json["tasks"]:
        pass
    with user.connect_socket() as socket:
        done = {"done": True, "content": WORDS, "title": "New Chat"}
        assert until_end(socket, finished[1])[-1] == ("chat:completion", done)
    with user.connect_socket() as again:
        ask(user, *start_chat(user))
        first = again.wait_for("events")
        assert first["message_id"] not in (finished[1], failed[1])


def test_client_that_was_away_gets_the_text_of_an_interrupted_reply(
    user: Client, upstream: Upstream
) -> None:
    chat_id, message_id = start_chat(user)
    ask(user, chat_id, message_id, model="cut")
    while user.get("/api/tasks").json["tasks"]:
        pass
    text = stored(user, chat_id, message_id)["content"]
    assert text
    with user.connect_socket() as socket:
        events = until_end(socket, message_id)
    assert [kind for kind, _ in events] == [
        "chat:completion",
        "chat:message:error",
        "chat:tasks:cancel",
    ]
    assert events[0][1] == {"content": text}
