"""What is generated after a reply: follow-up questions, then the title, then the tags."""

import json
import time
from typing import Any

import pytest
from tests.reply_requests import ask, start_chat, stored, until_end
from tests.upstream import Upstream

from portico.api.interfaces import ReplyFinishing
from portico.catalogue import ModelCard, SourceRequest, SourceResponse
from portico.events import Listener
from portico.testing import Client, InProcessApp

CHATS = "/api/v1/chats/"
ALL = {"title_generation": True, "tags_generation": True, "follow_up_generation": True}
ANSWER = {
    "follow_ups": ["Where do they stop?", "How fast are they?"],
    "title": "🚂 Trains",
    "tags": ["Travel", "Night Trains"],
}
QUESTION = "Where do trains go?"
EVENTS = ["chat:message:follow_ups", "chat:title", "chat:tags"]


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    upstream.answers["task"] = json.dumps(ANSWER)
    return env | {"TASK_MODEL_EXTERNAL": "task"}


def title_of(user: Client, chat_id: str) -> Any:
    found = user.get(CHATS + chat_id).json
    assert found["title"] == found["chat"]["title"]
    return found["title"]


def tags_of(user: Client, chat_id: str) -> list[str]:
    return [one["name"] for one in user.get(f"{CHATS}{chat_id}/tags").json]


def tasks_of(app: InProcessApp) -> list[dict[str, Any]]:
    """The rows of all tasks of this plugin, in the order in which they were created."""
    sql = "SELECT * FROM portico_task WHERE name LIKE 'generation:%' ORDER BY created_at, id"
    rows = [dict(row) for row in app.run(app.portico.database.rows, sql)]
    order = ["generation:follow_ups", "generation:title", "generation:tags"]
    return sorted(rows, key=lambda row: order.index(row["name"]))


def reply(socket: Any, user: Client, wanted: Any, **more: Any) -> tuple[str, str]:
    """Store a chat, ask for a reply, and wait for its end. Return the ids of chat and message."""
    chat_id, message_id = start_chat(user, QUESTION)
    answer = ask(user, chat_id, message_id, background_tasks=wanted, **more)
    assert answer.status == 200, answer
    until_end(socket, message_id)
    return chat_id, message_id


def next_event(socket: Any, message_id: str) -> tuple[str, Any]:
    found = socket.wait_for("events", lambda one: one["message_id"] == message_id)
    return found["data"]["type"], found["data"]["data"]


def finish(app: InProcessApp) -> None:
    """Run what is due, whether the server has begun or not."""
    app.run(app.portico.context.tasks.run_due)


def prompts(upstream: Upstream) -> list[str]:
    asked = [one.json for one in upstream.completions() if one.json["model"] == "task"]
    return [one["messages"][-1]["content"] for one in asked]


def test_new_chat_gets_follow_ups_title_and_tags_in_this_order(
    app: InProcessApp, user: Client, upstream: Upstream
) -> None:
    with user.connect_socket() as socket:
        chat_id, message_id = reply(socket, user, ALL)
        found = [next_event(socket, message_id) for _ in EVENTS]

    assert found == [
        ("chat:message:follow_ups", {"follow_ups": ANSWER["follow_ups"]}),
        ("chat:title", "🚂 Trains"),
        ("chat:tags", ["Travel", "Night Trains"]),
    ]
    assert stored(user, chat_id, message_id)["followUps"] == ANSWER["follow_ups"]
    assert title_of(user, chat_id) == "🚂 Trains"
    assert tags_of(user, chat_id) == ["Night Trains", "Travel"]
    assert len(prompts(upstream)) == 3
    assert all(f"USER: {QUESTION}\nASSISTANT: word0" in prompt for prompt in prompts(upstream))
    finish(app)
    rows = tasks_of(app)
    assert [row["status"] for row in rows] == ["completed"] * 3
    assert [row["result"] for row in rows] == [None] * 3
    assert {row["item"] for row in rows} == {chat_id}
    assert all("New Chat" not in row["arguments"] for row in rows)
    assert {row["user_id"] for row in rows} == {user.account["id"]}


def test_only_what_is_wanted_is_generated(
    app: InProcessApp, user: Client, upstream: Upstream
) -> None:
    with user.connect_socket() as socket:
        chat_id, message_id = reply(socket, user, {"tags_generation": True})
        assert next_event(socket, message_id)[0] == "chat:tags"
        finish(app)
        reply(socket, user, {"follow_up_generation": False, "tags_generation": False})
        reply(socket, user, {})
        finish(app)
    assert title_of(user, chat_id) == "New Chat"
    assert "followUps" not in stored(user, chat_id, message_id)
    assert len(prompts(upstream)) == 1
    assert [row["name"] for row in tasks_of(app)] == ["generation:tags"]


def test_title_that_is_not_generated_is_the_first_message(
    app: InProcessApp, user: Client, upstream: Upstream
) -> None:
    with user.connect_socket() as socket:
        chat_id, message_id = reply(socket, user, {"title_generation": False})
        assert next_event(socket, message_id) == ("chat:title", QUESTION)
    assert title_of(user, chat_id) == QUESTION
    assert prompts(upstream) == []


def test_title_of_a_longer_chat_stays_if_it_is_not_generated(
    app: InProcessApp, user: Client
) -> None:
    with user.connect_socket() as socket:
        chat_id, first = reply(socket, user, {})
        form = {
            "model": "good",
            "parent_id": first,
            "background_tasks": {"title_generation": False},
        }
        user.post(f"{CHATS}{chat_id}/messages/q2", {"content": "And?", "parentId": first})
        ask(user, chat_id, "a2", **form | {"parent_id": "q2"})
        until_end(socket, "a2")
    finish(app)
    assert title_of(user, chat_id) == "New Chat"
    assert [row["status"] for row in tasks_of(app)] == ["completed"]


@pytest.mark.parametrize("answer", ["no JSON", '{"title": 7}', '{"title": " "}', ""])
def test_title_falls_back_to_the_first_message(
    app: InProcessApp, user: Client, upstream: Upstream, answer: str
) -> None:
    upstream.answers["task"] = answer
    with user.connect_socket() as socket:
        chat_id, message_id = reply(socket, user, ALL)
        assert next_event(socket, message_id) == ("chat:title", QUESTION)
    finish(app)
    assert title_of(user, chat_id) == QUESTION
    rows = tasks_of(app)
    assert [row["status"] for row in rows] == ["completed"] * 3
    assert all("in the form" in json.loads(row["result"])["error"] for row in rows)
    assert tags_of(user, chat_id) == []


def test_disabled_title_is_the_first_message_and_disabled_tasks_are_not_created(
    app: InProcessApp, admin: Client, user: Client, upstream: Upstream
) -> None:
    off = {f"ENABLE_{what}_GENERATION": False for what in ("TITLE", "TAGS", "FOLLOW_UP")}
    form = admin.get("/api/v1/tasks/config").json | off
    assert admin.post("/api/v1/tasks/config/update", form).status == 200
    with user.connect_socket() as socket:
        _, message_id = reply(socket, user, ALL)
        assert next_event(socket, message_id) == ("chat:title", QUESTION)
    assert prompts(upstream) == []
    assert [row["name"] for row in tasks_of(app)] == ["generation:title"]


class TestFailing:
    """The task model does not answer."""

    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"TASK_MODEL_EXTERNAL": "status-400"}

    def test_refusal_is_recorded_and_the_user_sees_a_title(
        self, app: InProcessApp, user: Client, upstream: Upstream
    ) -> None:
        with user.connect_socket() as socket:
            chat_id, message_id = reply(socket, user, ALL)
            assert next_event(socket, message_id) == ("chat:title", QUESTION)
            finish(app)
        rows = tasks_of(app)
        assert [row["status"] for row in rows] == ["completed"] * 3
        assert all("max_tokens" in json.loads(row["result"])["error"] for row in rows)
        assert all("sk-" not in row["result"] for row in rows)
        assert title_of(user, chat_id) == QUESTION


def test_model_that_fails_for_a_while_is_asked_again(
    app: InProcessApp, user: Client, upstream: Upstream
) -> None:
    upstream.failures["task"] = 1
    with user.connect_socket() as socket:
        chat_id, message_id = reply(socket, user, {"title_generation": True})
        assert next_event(socket, message_id) == ("chat:title", "🚂 Trains")
    (row,) = tasks_of(app)
    assert (row["status"], row["tries"]) == ("completed", 2)


def test_model_that_keeps_failing_is_not_asked_for_ever(
    app: InProcessApp, user: Client, upstream: Upstream
) -> None:
    upstream.failures["task"] = 3
    with user.connect_socket() as socket:
        chat_id, message_id = reply(
            socket, user, {"title_generation": True, "tags_generation": True}
        )
        assert next_event(socket, message_id) == ("chat:title", QUESTION)
        assert next_event(socket, message_id)[0] == "chat:tags"
    row = tasks_of(app)[0]
    assert (row["status"], row["tries"]) == ("completed", 3)


class Broken:
    """A source of a plugin with a mistake in it."""

    name = "broken"

    async def list_models(self) -> list[ModelCard]:
        return [ModelCard(id="broken", name="Broken", owned_by="us", public=True)]

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        raise KeyError(completion.model)


class TestBroken:
    """The task model is that of a source with a mistake in it."""

    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"TASK_MODEL_EXTERNAL": "broken"}

    def test_next_task_has_its_turn(self, app: InProcessApp, user: Client) -> None:
        async def add() -> None:
            app.portico.context.catalogue.add_source("other", Broken())

        app.run(add)
        with user.connect_socket() as socket:
            wanted = {"follow_up_generation": True, "title_generation": False}
            _, message_id = reply(socket, user, wanted)
            assert next_event(socket, message_id) == ("chat:title", QUESTION)
        first = tasks_of(app)[0]
        assert (first["status"], first["tries"]) == ("completed", 3)
        assert json.loads(first["result"])["error"].startswith("KeyError (test_after_reply.py:")


@pytest.mark.both_databases
def test_title_that_the_user_sets_meanwhile_stays(
    app: InProcessApp, user: Client, upstream: Upstream
) -> None:
    chat_id, message_id = start_chat(user, QUESTION)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, model="slow", background_tasks={"title_generation": True})
        upstream.wait_until_busy()
        user.post(CHATS + chat_id, {"chat": {"title": "Mine"}})
        until_end(socket, message_id)
    finish(app)
    assert title_of(user, chat_id) == "Mine"
    assert [row["status"] for row in tasks_of(app)] == ["completed"]


class TestWaiting:
    """Something happens before the tasks run: the server leaves them to workers, of which there is none."""

    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"PORTICO_TASKS_RUNNER": "worker", "PORTICO_TASKS_MAX_PER_ACCOUNT": "1"}

    def test_deleted_chat_ends_its_tasks(self, app: InProcessApp, user: Client) -> None:
        with user.connect_socket() as socket:
            chat_id, _ = reply(socket, user, ALL)
            assert user.delete(CHATS + chat_id).status == 200
            finish(app)
        (row,) = tasks_of(app)
        assert (row["status"], row["tries"]) == ("failed", 1)
        assert "does not exist" in row["error"]

    def test_edited_message_gets_follow_ups(self, app: InProcessApp, user: Client) -> None:
        with user.connect_socket() as socket:
            chat_id, message_id = reply(socket, user, ALL)
            user.post(f"{CHATS}{chat_id}/messages/{message_id}", {"content": "Edited."})
            user.post(f"{CHATS}{chat_id}/messages/q2", {"content": "And?", "parentId": message_id})
            finish(app)
        message = stored(user, chat_id, message_id)
        assert (message["content"], message["followUps"]) == ("Edited.", ANSWER["follow_ups"])
        assert user.get(CHATS + chat_id).json["chat"]["history"]["currentId"] == "q2"

    def test_account_that_lost_its_role_gets_nothing(
        self, app: InProcessApp, admin: Client, user: Client, upstream: Upstream
    ) -> None:
        with user.connect_socket() as socket:
            chat_id, _ = reply(socket, user, ALL)
        form = {"role": "pending", "name": "Ben", "email": user.account["email"]}
        form["profile_image_url"] = "/user.png"
        path = f"/api/v1/users/{user.account['id']}/update"
        assert admin.post(path, form).status == 200
        finish(app)
        assert prompts(upstream) == []
        rows = tasks_of(app)
        assert all("may not use" in json.loads(row["result"])["error"] for row in rows)

    def test_deleted_account_leaves_no_task(
        self, app: InProcessApp, admin: Client, user: Client
    ) -> None:
        with user.connect_socket() as socket:
            reply(socket, user, ALL)
        assert len(tasks_of(app)) == 1
        assert admin.delete(f"/api/v1/users/{user.account['id']}").status == 200
        assert tasks_of(app) == []


@pytest.mark.parametrize("model", ["error-inside", "cut"])
def test_reply_that_fails_has_no_tasks(app: InProcessApp, user: Client, model: str) -> None:
    with user.connect_socket() as socket:
        reply(socket, user, ALL, model=model)
    assert tasks_of(app) == []


def test_stopped_reply_has_no_tasks(app: InProcessApp, user: Client, upstream: Upstream) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        task_id = ask(user, chat_id, message_id, model="endless", background_tasks=ALL).json[
            "task_id"
        ]
        upstream.wait_until_busy()
        user.post(f"/api/tasks/stop/{task_id}")
        until_end(socket, message_id)
    assert tasks_of(app) == []


def test_plain_stream_has_no_tasks(app: InProcessApp, user: Client) -> None:
    chat_id, message_id = start_chat(user)
    ask(user, chat_id, message_id, session_id="", background_tasks=ALL)
    assert tasks_of(app) == []


@pytest.mark.parametrize("wanted", ["x", [1], {"title_generation": "perhaps"}])
def test_background_tasks_of_another_shape_are_refused(user: Client, wanted: Any) -> None:
    chat_id, message_id = start_chat(user)
    assert ask(user, chat_id, message_id, background_tasks=wanted).status == 422


def test_temporary_chat_gets_follow_ups_and_stores_nothing(
    app: InProcessApp, user: Client, upstream: Upstream
) -> None:
    with user.connect_socket() as socket:
        ask(user, "local:s", "m", background_tasks=ALL)
        until_end(socket, "m")
        expected = ("chat:message:follow_ups", {"follow_ups": ANSWER["follow_ups"]})
        assert next_event(socket, "m") == expected
    assert "USER: Hi\nASSISTANT: word0" in prompts(upstream)[0]
    assert tasks_of(app) == []
    assert user.get(CHATS).json == []


@pytest.mark.case("AB-61")
def test_temporary_chats_of_one_account_leave_the_model_to_others(
    admin: Client, user: Client, upstream: Upstream
) -> None:
    upstream.hanging.add("task")
    for account, count in ((user, 6), (admin, 1)):
        with account.connect_socket() as socket:
            for number in range(count):
                ask(account, f"local:{number}", f"m{number}", background_tasks=ALL)
                until_end(socket, f"m{number}")
    deadline = time.monotonic() + 20
    while len(prompts(upstream)) < 4 + 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    upstream.hanging.clear()
    assert len(prompts(upstream)) == 4 + 1


def test_reply_is_stored_although_a_plugin_fails_to_take_part(
    app: InProcessApp, user: Client
) -> None:
    async def fail(_: ReplyFinishing) -> None:
        raise RuntimeError

    app.portico.context.events.subscribe("other", [Listener(ReplyFinishing, fail)])
    with user.connect_socket() as socket:
        chat_id, message_id = reply(socket, user, ALL)
    message = stored(user, chat_id, message_id)
    assert (message["done"], "error" in message) == (True, False)
    assert tasks_of(app) == []


def test_events_of_tasks_reach_no_other_account(
    app: InProcessApp, admin: Client, user: Client
) -> None:
    with user.connect_socket() as socket, admin.connect_socket() as other:
        _, message_id = reply(socket, user, ALL)
        for _ in EVENTS:
            next_event(socket, message_id)
        assert [name for name, _ in other.events() if name == "events"] == []
