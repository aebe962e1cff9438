"""A worker process generates what a reply on a server asks for, and the owner's sockets there are told."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.reply_requests import ask, start_chat, stored, until_end
from tests.upstream import Upstream

from portico.testing import ServerProcess, WorkerProcess

#: A worker needs PostgreSQL.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),  # a task whose process was killed waits some seconds
    pytest.mark.parametrize("database_url", ["postgres"], indirect=True),
]
WANTED = {"title_generation": True, "tags_generation": True, "follow_up_generation": True}
ANSWER = {"title": "Trains", "tags": ["Travel"], "follow_ups": ["Why?"]}


@pytest.fixture
def env(
    env: dict[str, str], shared_redis: str, upstream: Upstream, tmp_path: Path
) -> dict[str, str]:
    upstream.answers["task"] = json.dumps(ANSWER)
    return env | {
        "REDIS_URL": shared_redis,
        "REDIS_KEY_PREFIX": f"test-{tmp_path.name}",
        "TASK_MODEL_EXTERNAL": "task",
        "PORTICO_TASKS_RUNNER": "worker",
    }


@pytest.fixture
def workers(env: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], WorkerProcess]]:
    made: list[WorkerProcess] = []

    def another() -> WorkerProcess:
        directory = tmp_path / f"worker-{len(made)}"
        directory.mkdir()
        made.append(WorkerProcess(env, directory))
        return made[-1].start()

    yield another
    for worker in made:
        worker.kill()


def test_worker_generates_after_a_reply_also_if_another_is_killed(
    server: ServerProcess, workers: Callable[[], WorkerProcess], upstream: Upstream
) -> None:
    ann = server.client.sign_up("Ann")
    chat_id, message_id = start_chat(ann, "Where do trains go?")
    upstream.hanging.add("task")
    with ann.connect_socket() as socket:
        first = workers()
        ask(ann, chat_id, message_id, background_tasks=WANTED)
        until_end(socket, message_id)
        upstream.wait_until_busy()  # the first worker asks for follow-up questions
        first.kill()
        upstream.hanging.clear()
        workers()

        def next_event() -> tuple[str, Any]:
            found = socket.wait_for("events", lambda one: one["message_id"] == message_id)
            return found["data"]["type"], found["data"]["data"]

        assert [next_event() for _ in range(3)] == [
            ("chat:message:follow_ups", {"follow_ups": ["Why?"]}),
            ("chat:title", "Trains"),
            ("chat:tags", ["Travel"]),
        ]
    assert ann.get(f"/api/v1/chats/{chat_id}").json["title"] == "Trains"
    assert stored(ann, chat_id, message_id)["followUps"] == ["Why?"]
    asked = [one for one in upstream.completions() if one.json["model"] == "task"]
    assert len(asked) == 4
