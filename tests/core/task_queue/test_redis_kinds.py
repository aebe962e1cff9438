"""The queue works with the kinds of Redis that the settings can name, except a cluster, which the worker says."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.core.task_queue.conftest import Cluster
from tests.redis_server import RedisServer, TLSFront

from portico.boot import Application
from portico.testing import InProcessApp
from portico.worker.process import _ready_line

#: A worker needs PostgreSQL.
pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
Prepare = Callable[[Application], None]


@pytest.fixture
def opened(complete_schema: Prepare) -> Iterator[Callable[[dict[str, str]], Cluster]]:
    """`opened(settings)`: a server with these settings, and its workers."""
    made: list[Cluster] = []

    def open_(settings: dict[str, str]) -> Cluster:
        made.append(Cluster(InProcessApp(settings, complete_schema), settings))
        return made[-1]

    yield open_
    for one in made:
        one.stop_workers()
        one.app.close()


def check_that_the_queue_is_used(processes: Cluster) -> None:
    worker = processes.start_worker()
    kind = processes.add("note")
    processes.until(lambda: worker.task_consumer and worker.task_consumer.is_connected)
    processes.until(lambda: not processes.server.redis.is_unavailable)
    processes.until_status(processes.create(kind, "hello"), "completed")
    assert processes.ran == [("hello", worker.instance.id)]


@pytest.mark.usefixtures("only_queue")
def test_queue_works_behind_a_sentinel(
    opened: Callable[..., Cluster], env: dict[str, str], sentinel: RedisServer
) -> None:
    hosts = {"REDIS_URL": "redis://primary/0", "REDIS_SENTINEL_HOSTS": f"127.0.0.1:{sentinel.port}"}
    check_that_the_queue_is_used(opened(env | hosts))


@pytest.mark.usefixtures("only_queue")
def test_queue_works_over_tls(
    opened: Callable[..., Cluster], env: dict[str, str], redis: RedisServer, tmp_path: Path
) -> None:
    folder = tmp_path / "front"
    folder.mkdir()
    front = TLSFront(redis.port, folder, name="127.0.0.1")
    tls = {"PORTICO_REDIS_CA_FILE": str(folder / "ca.pem")}
    processes = opened(env | {"REDIS_URL": f"rediss://127.0.0.1:{front.port}/0"} | tls)
    try:
        check_that_the_queue_is_used(processes)
    finally:
        processes.stop_workers()
        front.close()


def test_worker_beside_a_cluster_finds_tasks_in_the_database_and_says_so(
    opened: Callable[..., Cluster], env: dict[str, str], cluster: RedisServer
) -> None:
    processes = opened(env | {"REDIS_URL": cluster.url, "REDIS_CLUSTER": "true"})
    worker = processes.start_worker()
    kind = processes.add("note")
    processes.until_status(processes.create(kind, "hello"), "completed")
    assert processes.ran == [("hello", worker.instance.id)]
    assert "found in the database" in _ready_line(worker)
