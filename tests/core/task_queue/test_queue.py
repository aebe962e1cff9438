"""Workers learn of tasks by the queue in Redis, and neither its loss nor its forgery does harm."""

import pickle
from pathlib import Path
from typing import Any

import pytest
from tests.core.task_queue.conftest import Cluster
from tests.redis_server import RedisServer

from portico.settings.section import Secret
from portico.task_queue.job_signature import JobSigner

#: A worker needs PostgreSQL.
pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


def redis_command(processes: Cluster, *words: Any) -> Any:
    """Run a command of Redis, with the server's connection."""
    return processes.app.run(
        processes.server.redis.run, lambda client: client.execute_command(*words)
    )


@pytest.mark.usefixtures("only_queue")
def test_task_of_a_server_runs_in_the_worker(processes: Cluster) -> None:
    worker = processes.start_worker()
    kind = processes.add("note")
    processes.until(lambda: worker.task_consumer and worker.task_consumer.is_connected)
    task_id = processes.create(kind, "hello")
    row = processes.until_status(task_id, "completed")
    assert processes.ran == [("hello", worker.instance.id)]
    assert row["instance_id"] == worker.instance.id
    processes.until(lambda: not worker.tasks.runner.executor.active)
    assert redis_command(processes, "KEYS", f"*{task_id}*") == []


@pytest.mark.usefixtures("only_queue")
def test_later_try_and_later_task_come_by_the_sweep_or_the_queue(processes: Cluster) -> None:
    processes.start_worker()
    kind = processes.add("note")
    row = processes.until_status(processes.create(kind, "later", delay=0.3), "completed")
    assert row["started_at"] >= row["created_at"] + 0.3


def test_server_runs_tasks_again_when_the_last_worker_stops(processes: Cluster) -> None:
    processes.start_worker()
    kind = processes.add("note")
    processes.stop_workers()
    processes.app.run(processes.server.instance_channel.find_peers)
    processes.until_status(processes.create(kind, "here"), "completed")
    assert processes.ran == [("here", processes.server.instance.id)]


@pytest.mark.case("FT-25")
@pytest.mark.usefixtures("only_queue")
def test_task_that_is_delivered_five_times_has_one_effect(processes: Cluster) -> None:
    workers = [processes.start_worker() for _ in range(2)]
    kind = processes.add("note")

    async def create_and_deliver() -> list[str]:
        ids = [await processes.server.tasks.create(kind.name) for _ in range(20)]
        for task_id in ids:
            for times in range(1, 5):  # the job ids differ, so Redis has five
                await processes.server.task_queue.put(task_id, times, 0.0)
        return ids

    ids = processes.app.run(create_and_deliver)
    for task_id in ids:
        processes.until_status(task_id, "completed")
    queue = processes.server.task_queue.name
    processes.until(lambda: all(not one.tasks.runner.executor.active for one in workers))
    while redis_command(processes, "ZCARD", queue):
        pass
    assert len(processes.ran) == 20
    assert {processes.row(task_id)["tries"] for task_id in ids} == {1}


class Bomb:
    """What unpickling this does is seen."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.case("AB-62")
@pytest.mark.usefixtures("only_queue")
def test_forged_jobs_are_discarded_and_the_queue_goes_on(
    processes: Cluster, tmp_path: Path
) -> None:
    worker = processes.start_worker()
    kind = processes.add("note")
    queue = processes.server.task_queue.name
    bomb = tmp_path / "exploded"
    pickled = pickle.dumps({"t": 1, "f": "run_task", "a": (Bomb(bomb),), "k": {}, "et": 1})
    other_key = JobSigner(Secret("another-secret-key-of-another-installation-0123"))
    waiting = processes.create(kind, "by its server", delay=3600.0)
    forged = {
        "pickled-0": pickled,
        "unsigned-0": b"run_task " + waiting.encode(),
        "foreign-0": other_key.dump({"a": (waiting,), "et": 1}),
        "empty-0": b"",
    }
    for job_id, content in forged.items():
        redis_command(processes, "SET", f"arq:job:{job_id}", content)
        redis_command(processes, "ZADD", queue, "1", job_id)
    redis_command(processes, "ZADD", queue, "1", "without-0")
    redis_command(processes, "ZADD", queue, "1", b"\xff\xfe not text")
    redis_command(processes, "ZADD", queue, "1", "x" * 5000)
    redis_command(processes, "LPUSH", "arq:job:list-0", "x")
    redis_command(processes, "ZADD", queue, "1", "list-0")
    redis_command(processes, "LPUSH", "arq:retry:count-0", "x")
    redis_command(processes, "ZADD", queue, "1", "count-0")
    processes.until_status(processes.create(kind, "after them"), "completed")
    while redis_command(processes, "ZCOUNT", queue, "0", "2"):
        pass
    assert not bomb.exists()
    assert [label for label, _ in processes.ran] == ["after them"]
    assert worker.task_queue.signer.rejected >= 4


@pytest.mark.case("AB-62")
def test_key_that_is_no_queue_is_discarded(processes: Cluster) -> None:
    worker = processes.start_worker()
    kind = processes.add("note")
    redis_command(processes, "SET", processes.server.task_queue.name, "no queue")
    processes.until_status(processes.create(kind, "meanwhile"), "completed")
    processes.until(lambda: worker.task_queue.signer.rejected)


@pytest.mark.slow
@pytest.mark.case("FT-08")
def test_tasks_run_while_redis_is_away_and_after_it_is_back(
    env: dict[str, str], redis: RedisServer, request: pytest.FixtureRequest
) -> None:
    env["REDIS_URL"] = redis.url
    processes: Cluster = request.getfixturevalue("processes")
    worker = processes.start_worker()
    consumer = worker.task_consumer
    assert consumer is not None
    kind = processes.add("note")
    processes.until(lambda: consumer.is_connected)
    redis.stop()
    processes.until_status(processes.create(kind, "away"), "completed")
    processes.until(lambda: not consumer.is_connected)
    redis.start()
    processes.until(lambda: consumer.is_connected and not worker.redis.is_unavailable)
    processes.until(lambda: not processes.server.redis.is_unavailable)
    redis.stun()
    processes.until_status(processes.create(kind, "silent"), "completed")
    redis.wake()
    processes.until(lambda: consumer.is_connected and not worker.redis.is_unavailable)
    processes.until_status(processes.create(kind, "back"), "completed")
    assert [label for label, _ in processes.ran] == ["away", "silent", "back"]
