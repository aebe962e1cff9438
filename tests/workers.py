"""Distribution of tests to workers: hooks of pytest-xdist, imported by `conftest.py`."""

import gc
import os
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

#: Workers at most. Each has its own PostgreSQL server.
MAX_WORKERS = 8
#: Tests that share a fixture which takes as long as a hundred others: the installed package, the image, the cluster, a
#: server behind a proxy, and the provider. One worker has all of a line, one after the other, so that the fixture is made once.
TOGETHER = (
    ("tests/repository/test_packaging.py", "tests/repository/test_locks.py", "tests/examples/"),
    ("tests/end_to_end/test_image.py",),
    ("tests/end_to_end/test_cluster.py",),
    ("tests/end_to_end/test_proxies.py",),
    ("tests/plugins/oauth/test_with_canaille.py",),
)


#: Tests that wait for processes, sockets and timers more than they compute, besides those marked `slow`.
WAITING = (
    "tests/end_to_end/",
    "tests/soak/",
    "tests/core/worker/",
    "tests/core/web/test_body_timeout.py",
)
#: Where tests are that compute for seconds: they begin before the others that compute.
COMPUTING_LONG = (
    "tests/repository/",
    "tests/core/db/",
    "tests/plugins/chats/test_importing.py",
    "tests/plugins/models/test_transfer.py",
)
#: Of three workers, one computes and two wait.
PER_COMPUTING = 3
#: Tests that a worker has in advance, so that it does not wait for the next one. A computing worker has more of them,
#: except near the end.
AHEAD, AHEAD_COMPUTING, NEAR_THE_END = 2, 8, 200


class Spread(LoadScopeScheduling):
    """Each test runs on the next free worker; those that belong together run on one.

    Tests that wait are first in the queue (`pytest_collection_modifyitems`). Most workers take the first one, and some
    the last one, which computes. So all cores are busy while servers start and timers run, and the last tests are
    short.
    """

    _numbers: dict[str, int] | None = None

    def _split_scope(self, nodeid: str) -> str:
        return next((group[0] for group in TOGETHER if nodeid.startswith(group)), nodeid)

    def _is_computing(self, node: WorkerController) -> bool:
        number = int(node.gateway.id.removeprefix("gw"))
        return number % PER_COMPUTING == PER_COMPUTING - 1

    def mark_test_complete(
        self, node: WorkerController, item_index: int, duration: float = 0
    ) -> None:
        """Forget what is complete: what is left of the work of a worker is counted after each test."""
        nodeid = self.registered_collections[node][item_index]
        scope, units = self._split_scope(nodeid), self.assigned_work[node]
        units[scope][nodeid] = True
        if all(units[scope].values()):
            del units[scope]
        self._reschedule(node)

    def _reschedule(self, node: WorkerController) -> None:
        """Give the worker so many tests in advance, or tell it that there are no more."""
        if node.shutting_down:
            return
        is_early = len(self.workqueue) > NEAR_THE_END
        ahead = AHEAD_COMPUTING if is_early and self._is_computing(node) else AHEAD
        while self.workqueue and self._pending_of(self.assigned_work[node]) <= ahead:
            self._assign_work_unit(node)
        if not self.workqueue:
            node.shutdown()

    def _assign_work_unit(self, node: WorkerController) -> None:
        if self._numbers is None:  # all workers have collected the same tests in the same order
            collected = self.registered_collections[node]
            self._numbers = {nodeid: number for number, nodeid in enumerate(collected)}
        scope, unit = self.workqueue.popitem(last=self._is_computing(node))
        self.assigned_work[node][scope] = unit
        node.send_runtest_some([self._numbers[one] for one, done in unit.items() if not done])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Spread:
    return Spread(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return three workers for each core, of which two wait most of the time for servers, sockets and disks.

    0 for a single file or test, which would end before the workers have started.
    """
    if any(".py" in argument for argument in config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min((cores or 1) * PER_COMPUTING, MAX_WORKERS)


def pytest_collection_finish() -> None:
    """Exempt all existing objects from garbage collection, and collect less often.

    Collecting after every 700 objects took a tenth of the time in which an application starts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort tests that wait to the front, and those that compute for long to the end. See `Spread`."""

    def rank(item: pytest.Item) -> int:
        if any(item.nodeid.startswith(group) for group in TOGETHER):
            return 0
        if item.get_closest_marker("slow"):
            return 1
        if item.nodeid.startswith(WAITING):
            return 2
        return 4 if item.nodeid.startswith(COMPUTING_LONG) else 3

    items.sort(key=rank)
