"""Numbers of examples of property tests and of generated requests: few by default.

With HYPOTHESIS_PROFILE=full, which `.ci/run` exports, every test tries its full number.
"""

import os

from hypothesis import settings

FULL = "full"
#: By default, one example in this many of the full profile is tried.
SHARE = 5


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
