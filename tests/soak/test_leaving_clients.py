"""Clients that leave in the middle of an answer, in small; `python -m tests.soak.leaving_clients` has a thousand."""

from pathlib import Path

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.soak.leaving_clients import leaving_clients


@pytest.mark.case("FT-23")
@pytest.mark.slow
def test_nothing_is_left_of_clients_that_leave(tmp_path: Path) -> None:
    with leaving_clients(tmp_path) as crowd:
        base = crowd.base()
        crowd.come_and_leave(120, at_once=40)
        last = crowd.settled(base)
    assert last.calls == 0
    assert last.tasks <= base.tasks
    assert last.handles <= base.handles
