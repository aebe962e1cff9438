"""Repeated log events are summarized once a second, also if clients vary them."""

import threading
from typing import Any

import pytest
import structlog

from portico.server.log_repeats import MAX_KINDS, MAX_KINDS_OF_CLIENT, RepeatFilter


class Log:
    """Records what a filter writes, with a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[dict[str, Any]] = []
        self._filter = RepeatFilter(lambda event: self.lines.append(dict(event)), lambda: self.now)
        self._filter._wake = lambda: None  # type: ignore[method-assign]  # the test calls flush

    def add(self, event: str = "refused", level: str = "info", **fields: Any) -> None:
        fields = {"request": f"r{self.now}", "client": "192.0.2.1", **fields}
        fields = {k: v for k, v in fields.items() if v is not None}
        stamped = {"event": event, "level": level, "timestamp": f"t{self.now:g}", **fields}
        try:
            self.lines.append(dict(self._filter(None, level, stamped)))
        except structlog.DropEvent:
            pass

    def wait(self, seconds: float = 1.0) -> None:
        self.now += seconds
        self._filter.flush(self.now)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.mark.case("AB-85")
def test_6000_refused_keys_give_one_line_and_one_summary_a_second(log: Log) -> None:
    for _ in range(6000):
        log.add(status=401, why="no", route="/a")
        log.wait(0.001)
    log.wait()
    first, *summaries = log.lines
    assert "count" not in first
    assert len(summaries) == 6
    assert sum(summary["count"] for summary in summaries) == 5999
    fields = {k: v for k, v in summaries[0].items() if k not in ("count", "first", "last")}
    assert fields == {
        "event": "refused", "level": "info", "client": "192.0.2.1", "status": 401, "why": "no", "route": "/a",
    }  # fmt: skip
    assert (summaries[0]["first"], summaries[0]["last"]) == ("t0.001", "t0.999")


def test_summary_has_the_common_fields(log: Log) -> None:
    for route in ("/a", "/b", "/c"):
        log.add(status=401, route=route)
    log.wait()
    assert log.lines[1] | {"first": 0, "last": 0} == {
        "event": "refused", "level": "info", "client": "192.0.2.1", "status": 401, "count": 2, "first": 0, "last": 0,
    }  # fmt: skip


def test_events_of_other_kind_or_client_are_written(log: Log) -> None:
    for fields in ({"status": 401}, {"status": 403}, {"client": "192.0.2.2"}, {"account": "a"}):
        log.add(**fields)
        log.add(**fields)
    assert len(log.lines) == 4
    log.wait()
    assert [line["count"] for line in log.lines[4:]] == [1, 1, 1, 1]


def test_event_after_its_window_is_written_at_once(log: Log) -> None:
    log.add()
    log.wait()
    log.wait()
    log.add()
    assert [line.get("count") for line in log.lines] == [None, None]


@pytest.mark.parametrize("fields", [{"own_line": True}, {"request": None}, {"level": "debug"}])
def test_own_line_and_background_events_are_written(log: Log, fields: dict[str, Any]) -> None:
    for _ in range(10):
        log.add(**fields)
    assert len(log.lines) == 10
    assert "own_line" not in log.lines[0]


def test_client_with_varying_events_gets_no_more_lines(log: Log) -> None:
    for number in range(1000):
        log.add(why=f"reason {number}")
        log.add("fetch refused", why=f"reason {number}")
    assert len(log.lines) == MAX_KINDS_OF_CLIENT
    log.add(client="192.0.2.2")
    assert len(log.lines) == MAX_KINDS_OF_CLIENT + 1  # other clients are not affected
    log.wait()
    (summary,) = log.lines[MAX_KINDS_OF_CLIENT + 1 :]
    assert summary["event"] == "more log lines of this client"
    assert summary["count"] == 2000 - MAX_KINDS_OF_CLIENT
    half = (2000 - MAX_KINDS_OF_CLIENT) // 2
    assert summary["events"] == {"refused": half, "fetch refused": half}
    for _ in range(3):
        log.wait()
    log.add(why="reason 1")
    assert log.lines[-1]["why"] == "reason 1"


def test_many_clients_get_a_bounded_number_of_lines(log: Log) -> None:
    for number in range(5000):
        log.add(client=f"2001:db8::{number:x}")
    log.wait()
    assert len(log.lines) == MAX_KINDS + 1
    assert sum(line.get("count", 1) for line in log.lines) == 5000
    log.wait()
    log.wait()
    assert not log._filter._groups and not log._filter._of_client


def test_summary_is_written_without_further_events() -> None:
    lines: list[dict[str, Any]] = []
    written = threading.Event()

    def emit(event: Any) -> None:
        lines.append(event)
        written.set()

    repeats = RepeatFilter(emit)
    with pytest.raises(structlog.DropEvent):
        for _ in range(2):
            repeats(None, "info", {"event": "refused", "level": "info", "request": "r"})
    assert written.wait(30)
    assert lines[0]["count"] == 1
