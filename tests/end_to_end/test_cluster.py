"""Three servers and two workers behind a load balancer are one: the processes of `deploy/compose.scale.yaml`, on real parts."""

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal

import asyncpg
import pytest
from tests import skipped_dependencies
from tests.balancers import PACKAGES, HAProxy, PlainBalancer, wait_for
from tests.cluster import Cluster, running_cluster
from tests.debian_programs import Installed, find_program
from tests.redis_server import RedisServer
from tests.reply_requests import ask, start_chat, stored, text_in, until_end
from tests.servers import fresh_database
from tests.upstream import STEADY_WORDS, Upstream

from portico.testing import Client

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
STEADY_TEXT = "".join(STEADY_WORDS)
#: What the model of background tasks answers to each of them.
GENERATED = {"title": "Steps", "tags": ["Walking"], "follow_ups": ["How many steps?"]}
ALL_TASKS = {"title_generation": True, "tags_generation": True, "follow_up_generation": True}


@pytest.fixture(scope="module")
def haproxy(pytestconfig: pytest.Config) -> Installed | None:
    assert pytestconfig.cache is not None
    return find_program("haproxy", PACKAGES["haproxy"], pytestconfig.cache.mkdir("debian"))


@pytest.fixture(autouse=True)
def says_what_is_missing(
    haproxy: Installed | None, record_property: Callable[[str, object], None]
) -> None:
    if haproxy is None:
        record_property(skipped_dependencies.REPLACED, skipped_dependencies.NO_HAPROXY)


@pytest.fixture(scope="module")
def provider() -> Iterator[Upstream]:
    with Upstream() as running:
        running.models = [{"id": name} for name in ("good", "steady", "endless", "task")]
        running.answers["task"] = json.dumps(GENERATED)
        yield running


@pytest.fixture(scope="module")
def cluster(
    postgres: str,
    provider: Upstream,
    haproxy: Installed | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    def balance(folder: Path, addresses: list[str]) -> HAProxy | PlainBalancer:
        return PlainBalancer(addresses) if haproxy is None else HAProxy(haproxy, folder, addresses)

    given = {
        "OPENAI_API_BASE_URLS": provider.url,
        "OPENAI_API_KEYS": provider.key,
        "TASK_MODEL_EXTERNAL": "task",
    }
    redis = RedisServer().start()
    try:
        with (
            fresh_database(postgres) as url,
            running_cluster(
                tmp_path_factory.mktemp("cluster"), url, redis.url, given, balance
            ) as running,
        ):
            yield running
    finally:
        redis.close()


@pytest.fixture(scope="module")
def ada(cluster: Cluster) -> Client:
    """The first account, signed up through the load balancer."""
    return cluster.behind_balancer().sign_up("Ada")


def test_reply_is_asked_for_watched_and_stopped_on_three_servers(
    cluster: Cluster, ada: Client, provider: Upstream
) -> None:
    user = cluster.at(0).sign_in("Ada")
    generating = cluster.at(1, user)
    chat_id, message_id = start_chat(generating)
    with cluster.at(2, user).connect_socket() as socket:
        task = ask(generating, chat_id, message_id, model="endless").json["task_id"]
        shown = text_in(socket.wait_for("events", text_in))
        assert cluster.at(0, user).post(f"/api/tasks/stop/{task}").status == 200
        assert until_end(socket, message_id)[-1] == ("chat:tasks:cancel", None)
    provider.wait_until_idle()
    message = stored(cluster.at(2, user), chat_id, message_id)
    assert message["content"].startswith(shown)
    assert message["done"] is True


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_socket_needs_no_particular_server(
    cluster: Cluster, ada: Client, transport: Literal["websocket", "polling"]
) -> None:
    user = cluster.behind_balancer(ada)
    with user.connect_socket(transport=transport) as socket:
        for number in range(len(cluster.servers)):
            there = cluster.at(number, ada)
            chat_id, message_id = start_chat(there)
            ask(there, chat_id, message_id)
            assert until_end(socket, message_id)[-1][1]["done"] is True


def test_session_that_ends_on_one_server_ends_on_all(cluster: Cluster, ada: Client) -> None:
    user = cluster.at(0).sign_in("Ada")
    with cluster.at(2, user).connect_socket() as socket:
        assert cluster.at(1, user).get("/api/v1/auths/signout").status == 200
        socket.wait_until_closed()
    assert cluster.behind_balancer(user).get("/api/v1/auths/").status == 401


class Load:
    """Clients of the load balancer, each in a thread, until `stop`. `faults`: whatever was not answered as it should be."""

    def __init__(self, user: Client) -> None:
        self.user = user
        self.faults: list[str] = []
        self.chats: dict[str, str] = {}
        self.replies: list[tuple[str, str]] = []
        self.streams = 0
        self._stopping = threading.Event()
        self._names = itertools.count()
        jobs = [self._write, self._write, self._write, self._stream, self._ask, self._ask]
        self._pool = ThreadPoolExecutor(len(jobs))
        self._running = [self._pool.submit(self._repeat, job) for job in jobs]

    def stop(self) -> None:
        """Let each client end what it has begun."""
        self._stopping.set()
        for one in self._running:
            one.result()
        self._pool.shutdown()

    def _repeat(self, job: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                job()
            except Exception as error:
                self.faults.append(f"{job.__name__}: {type(error).__name__}: {error}")
                return

    def _post(self, path: str, body: Any) -> Any:
        answer = self.user.post(path, body)
        if answer.status != 200:
            self.faults.append(f"{path}: {answer.status} {answer.body[:200]!r}")
        return answer

    def _write(self) -> None:
        title = f"chat {next(self._names)}"
        answer = self._post("/api/v1/chats/new", {"chat": {"title": title, "messages": []}})
        chat_id = answer.json["id"]
        self.chats[chat_id] = title
        renamed = f"{title} again"
        if self._post(f"/api/v1/chats/{chat_id}", {"chat": {"title": renamed}}).status == 200:
            self.chats[chat_id] = renamed
        self._stopping.wait(0.2)

    def _stream(self) -> None:
        body = {"model": "steady", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
        lines = self._post("/api/chat/completions", body).body.decode().splitlines()
        events = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        if events[-1:] != ["[DONE]"] or text_of(events[:-1]) != STEADY_TEXT:
            self.faults.append(f"a stream ended early: {events[-3:]}")
        self.streams += 1

    def _ask(self) -> None:
        chat_id, message_id = start_chat(self.user)
        answer = ask(self.user, chat_id, message_id, model="steady", background_tasks=ALL_TASKS)
        if answer.status != 200:
            self.faults.append(f"asking: {answer.status} {answer.body[:200]!r}")
            return
        self.replies.append((chat_id, message_id))
        while not stored(self.user, chat_id, message_id).get("done"):
            time.sleep(0.2)


def has_tags(user: Client, chat_id: str) -> bool:
    return [one["name"] for one in user.get(f"/api/v1/chats/{chat_id}/tags").json] == ["Walking"]


def rows_of(cluster: Cluster, sql: str, *arguments: Any) -> list[Any]:
    async def work() -> list[Any]:
        connection = await asyncpg.connect(cluster.database_url)
        try:
            return list(await connection.fetch(sql, *arguments))
        finally:
            await connection.close()

    return asyncio.run(work())


def test_background_tasks_run_on_the_workers(cluster: Cluster, ada: Client) -> None:
    user = cluster.behind_balancer(ada)
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, background_tasks=ALL_TASKS)
        socket.wait_for("events", lambda event: event["data"]["type"] == "chat:tags")
    found = rows_of(
        cluster,
        "SELECT t.name, t.status, i.role FROM portico_task t JOIN portico_instance i ON i.id = t.instance_id WHERE t.item = $1",
        chat_id,
    )
    assert {tuple(row) for row in found} == {
        (f"generation:{name}", "completed", "worker") for name in ("follow_ups", "title", "tags")
    }


def text_of(events: list[str]) -> str:
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events]
    return "".join(delta.get("content", "") for delta in deltas)


def test_rolling_restart_under_load_loses_nothing(cluster: Cluster, ada: Client) -> None:
    user = cluster.behind_balancer(ada)
    with user.connect_socket() as socket:
        load = Load(user)
        try:
            for server in cluster.servers:
                assert server.stop(timeout=60) == 0
                server.start(timeout=60)
                cluster.balancer.wait_until_up(len(cluster.servers))
            for worker in cluster.workers:
                assert worker.stop(timeout=60) == 0
                worker.start(timeout=60)
        finally:
            load.stop()
        # Its server has told it to connect again, and it does.
        socket.wait_until_closed()
    assert load.faults == [], cluster.balancer.said()
    assert load.streams > 3
    assert len(load.replies) > 3
    texts = {stored(user, *reply)["content"] for reply in load.replies}
    assert texts == {STEADY_TEXT.strip()}
    for chat_id, message_id in load.replies:
        wait_for(partial(has_tags, user, chat_id), "the last task of a reply has ended")
        assert user.get(f"/api/v1/chats/{chat_id}").json["title"] == "Steps"
        assert stored(user, chat_id, message_id)["followUps"] == GENERATED["follow_ups"]
    # Three tasks of each reply, none of which failed or was created twice.
    tasks = rows_of(cluster, "SELECT item, COUNT(*) FROM portico_task WHERE status = 'completed' AND item = ANY($1) GROUP BY item", [one for one, _ in load.replies])  # fmt: skip
    assert {row["item"]: row["count"] for row in tasks} == {one: 3 for one, _ in load.replies}
    titles = {chat_id: user.get(f"/api/v1/chats/{chat_id}").json["title"] for chat_id in load.chats}
    assert titles == load.chats
    with user.connect_socket() as again:
        chat_id, message_id = start_chat(user)
        ask(user, chat_id, message_id)
        assert until_end(again, message_id)[-1][1]["done"] is True
