"""Chooses the database of tests that have no reason to run on both: a hook of pytest, imported by `conftest.py`.

A test with the fixture `database_url` runs on SQLite and on PostgreSQL only where its subject is what differs between
them: statements, transactions, locks, what several processes see, migrations. Such tests are in `BOTH`, or have the
mark `both_databases`. Every other test sends statements that those send, too, and runs on one database, chosen by its
name: one in three on PostgreSQL, where it takes twice the time. The cases of a test are chosen separately, so that
most tests with several cases run on both.

A test of the first kind with many cases (`parametrize`), which mostly send the same statements, runs with all of them
on SQLite, and with every fifth on PostgreSQL; with all on both in the full profile (`tests.effort`).

Tests of a file that is named run on both, and with TEST_DATABASES=both all do.
"""

import os
from collections import defaultdict
from zlib import crc32

import pytest
from tests.effort import is_full

#: The function of a test, and its case.
Name = tuple[str, str]

#: Directories and modules whose tests run on both databases.
BOTH = (
    "tests/core/audit/",
    "tests/core/db/",
    "tests/core/encryption/test_rotation.py",
    "tests/core/identity/",
    "tests/core/instances/",
    "tests/core/permissions/",
    "tests/core/rate_limits/",
    "tests/core/retention/",
    "tests/core/runtime_settings/",
    "tests/core/task_queue/",
    "tests/core/tasks/",
    "tests/plugins/audit/",
    "tests/plugins/budgets/test_counters.py",
    "tests/plugins/chats/search/",
    "tests/plugins/chats/test_deletion.py",
    "tests/plugins/chats/test_message_writes.py",
    "tests/plugins/database_admin/",
    "tests/upgrade/",
)
#: Of the other tests, one in this many runs on PostgreSQL.
SHARE_ON_POSTGRES = 3
#: Of the cases of a test on both databases, one in this many runs on PostgreSQL by default, if there are enough.
SHARE_OF_CASES, MIN_CASES = 5, 3


@pytest.hookimpl(specname="pytest_collection_modifyitems")
def pytest_choose_databases(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect each test on one of the two databases, unless it has a reason to run on both."""
    chosen = os.environ.get("TEST_DATABASES", "")  # noqa: TID251 - a choice of the tests
    if chosen == "both" or any(".py" in argument for argument in config.args):
        return
    found: dict[Name, dict[str, pytest.Item]] = {}
    for item in items:
        parameters = getattr(item, "callspec", None)
        if parameters is not None and "database_url" in parameters.params:
            database, words = parameters.params["database_url"], parameters.id.split("-")
            if database in words:
                words.remove(database)
                name = item.nodeid.partition("[")[0], "-".join(words)
                found.setdefault(name, {})[database] = item
    pairs = {name: pair for name, pair in found.items() if len(pair) == 2}
    dropped = {
        pair["sqlite" if _is_for_postgres(name) else "postgres"]
        for name, pair in pairs.items()
        if not _is_for_both(pair["sqlite"])
    }
    if not is_full():
        cases: defaultdict[str, list[Name]] = defaultdict(list)
        for name, pair in pairs.items():
            if _is_for_both(pair["sqlite"]):
                cases[name[0]].append(name)
        for group in cases.values():
            if len(group) >= MIN_CASES:
                dropped |= {pairs[name]["postgres"] for name in group} - {
                    pairs[name]["postgres"] for name in sorted(group)[::SHARE_OF_CASES]
                }
    if dropped:
        config.hook.pytest_deselected(items=list(dropped))
        items[:] = [item for item in items if item not in dropped]


def _is_for_both(item: pytest.Item) -> bool:
    is_marked = item.get_closest_marker("both_databases") is not None
    return is_marked or item.nodeid.startswith(BOTH)


def _is_for_postgres(name: Name) -> bool:
    return crc32(repr(name).encode()) % SHARE_ON_POSTGRES == 0
