"""How the tests are spread over the cores of a machine: hooks of pytest-xdist, taken over by `conftest.py`."""

import gc
import os

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Each has a PostgreSQL server of its own.
MOST = 8
#: Tests of the built and installed package: it takes as long as a hundred others to build, so one worker has them all.
INSTALLED = ("tests/repository/test_packaging.py", "tests/examples/")


class Spread(LoadScopeScheduling):
    """Every test goes to whichever worker is free, but those of the installed package go together, and first."""

    def _split_scope(self, nodeid: str) -> str:
        return "installed" if nodeid.startswith(INSTALLED) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Spread:
    return Spread(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Three workers for two cores, since a third of the time they wait for servers, sockets and disks.

    None for a file or a test, which would be done before the workers have begun.
    """
    if any(".py" in argument for argument in config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min((cores or 1) * 3 // 2 or 1, MOST)


def pytest_collection_finish() -> None:
    """What is there by now stays to the end: the collector need not look at all of it with every house.

    Nor need it look after every 700 objects, which took a tenth of the time in which an application starts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
