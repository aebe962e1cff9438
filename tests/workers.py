"""Distribution of tests to workers: hooks of pytest-xdist, imported by `conftest.py`."""

import gc
import os

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Workers at most. Each has its own PostgreSQL server.
MAX_WORKERS = 8
#: Tests that share a fixture which takes as long as a hundred others: the installed package, the image, the cluster and
#: the provider. One worker has all of a line, one after the other, so that the fixture is made once.
TOGETHER = (
    ("tests/repository/test_packaging.py", "tests/examples/"),
    ("tests/end_to_end/test_image.py",),
    ("tests/end_to_end/test_cluster.py",),
    ("tests/plugins/oauth/test_with_canaille.py",),
)


class Spread(LoadScopeScheduling):
    """Each test runs on the next free worker; those that belong together run on one."""

    def _split_scope(self, nodeid: str) -> str:
        return next((group[0] for group in TOGETHER if nodeid.startswith(group)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Spread:
    return Spread(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return two workers for each core, since they wait half of the time for servers, sockets and disks.

    0 for a single file or test, which would end before the workers have started.
    """
    if any(".py" in argument for argument in config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min((cores or 1) * 2, MAX_WORKERS)


def pytest_collection_finish() -> None:
    """Exempt all existing objects from garbage collection, and collect less often.

    Collecting after every 700 objects took a tenth of the time in which an application starts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what belongs together first, and slow tests, which mostly wait, among those that compute.

    So all cores are busy from the beginning, and no worker has a slow test left at the end.
    """
    long: list[pytest.Item] = []
    slow: list[pytest.Item] = []
    quick: list[pytest.Item] = []
    for item in items:
        if any(item.nodeid.startswith(group) for group in TOGETHER):
            long.append(item)
        else:
            (slow if item.get_closest_marker("slow") else quick).append(item)
    between = len(quick) // (2 * len(slow)) if slow else 0
    items[:] = long
    for number, item in enumerate(slow):
        items += [item, *quick[number * between : (number + 1) * between]]
    items += quick[len(slow) * between :]
