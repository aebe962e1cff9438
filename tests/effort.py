"""Numbers of examples of property tests, of generated requests, and of cases on the second database: few by default.

With HYPOTHESIS_PROFILE=full, which `.ci/run` exports, every test tries its full number. By default, a test with many
cases (`parametrize`) runs with all of them on SQLite, and with every fifth on PostgreSQL: what differs between the
databases is the statements, and the cases of a test mostly send the same.
"""

import os
from collections import defaultdict
from collections.abc import Hashable

import pytest
from hypothesis import settings

FULL = "full"
#: By default, one example in this many of the full profile is tried.
SHARE = 5
#: A test with fewer cases runs with all of them on both databases.
MIN_CASES = 3


def examples(full: int) -> int:
    """The number of examples to try where the full profile tries `full`."""
    return full if is_full() else max(full // SHARE, 2)


def is_full() -> bool:
    """Return whether the full profile is chosen."""
    return settings.get_current_profile_name() == FULL


def databases() -> list[str]:
    """The databases for a test that asks every route: both in the full profile.

    PostgreSQL refuses more values than SQLite: other types, NUL, numbers of more than 64 bits.
    """
    return ["sqlite", "postgres"] if is_full() else ["postgres"]


def choose_effort() -> None:
    """Load the profile; called once in each process of the tests, before test modules are imported."""
    settings.register_profile(FULL, max_examples=100, deadline=None)
    settings.register_profile("quick", max_examples=100 // SHARE, deadline=None)
    name = os.environ.get("HYPOTHESIS_PROFILE", "quick")  # noqa: TID251 - a choice of the tests
    settings.load_profile(name)


@pytest.hookimpl(specname="pytest_collection_modifyitems")
def pytest_choose_cases(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect cases on PostgreSQL, unless all are wanted or the tests are those of single files."""
    if is_full() or any(".py" in argument for argument in config.args):
        return
    cases: defaultdict[Hashable, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if isinstance(item, pytest.Function) and _is_on_postgres(item):
            cases[item.path, item.parent, item.originalname].append(item)
    dropped: set[pytest.Item] = set()
    for group in cases.values():
        if len(group) >= MIN_CASES:
            in_order = sorted(group, key=lambda item: item.nodeid)
            dropped |= set(in_order) - set(in_order[::SHARE])
    if dropped:
        config.hook.pytest_deselected(items=list(dropped))
        items[:] = [item for item in items if item not in dropped]


def _is_on_postgres(item: pytest.Function) -> bool:
    chosen = getattr(item, "callspec", None)
    return chosen is not None and chosen.params.get("database_url") == "postgres"
