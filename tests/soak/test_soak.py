"""A short soak test with all actions, and the detection of rising memory."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.soak.measuring import Report, Sample, slope
from tests.soak.soaking import soak

#: Long enough for every action to be done at least once.
SECONDS = 5


@pytest.mark.slow
def test_short_soak_leaves_no_orphans_or_failures(tmp_path: Path, database_url: str) -> None:
    settings = {"DATABASE_URL": database_url} if database_url else {}
    report = soak(SECONDS, tmp_path, settings)
    assert report.failed == {}, report.text()
    assert report.orphans == ""
    assert len(report.samples) > 5
    assert {"chat", "search", "stream", "cancel", "refused key", "socket", "reply"} <= set(
        report.done
    )


def samples(mb: Callable[[float], float]) -> list[Sample]:
    return [Sample(seconds, mb(seconds)) for seconds in range(0, 900, 5)]


def report(mb: Callable[[float], float]) -> Report:
    return Report(samples(mb), {}, {}, "", {})


def test_rising_memory_is_not_flat() -> None:
    found = report(lambda seconds: 150 + 1.1 * seconds / 60)
    assert found.slope == pytest.approx(1.1)
    assert "NOT FLAT: +1.10 MB a minute" in found.text()


def test_memory_with_initial_rise_and_peaks_is_flat() -> None:
    found = report(lambda seconds: 150 + min(seconds, 200) / 4 + (40 if seconds % 95 == 0 else 0))
    assert slope(found.samples) == pytest.approx(0, abs=0.05)
    assert found.is_flat
