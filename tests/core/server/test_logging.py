"""The log: one event per line, without secrets."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import pytest
import structlog

from portico.server.log_writer import LogStream, LogWriter
from portico.server.logging import configure_logging
from portico.settings.schema import LogSettings

KEY, TOKEN = "sk-abcdefghijklmnopqrstuvwxyz", "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6ImEifQ.c2lnbmF0dXJl"
either = pytest.mark.parametrize("form", ["json", "console"])


@contextmanager
def written(form: str) -> Iterator[io.StringIO]:
    """Configure logging in this format, and yield what is written in the block."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    with redirect_stderr(io.StringIO()) as stream:
        configure_logging(LogSettings(format=form), to_terminal=False)
        try:
            yield stream
        finally:
            root.handlers, root.level = handlers, level
            structlog.reset_defaults()


@either
@pytest.mark.case("AB-85")
def test_nested_secrets_are_masked(form: str) -> None:
    with written(form) as stream:
        log = structlog.get_logger("portico")
        deep = {"deep": [{"api_key": "hunter2", "said": f"Bearer {TOKEN}"}]}
        log.warning("a", password="hunter2", nested=deep)
        log.warning("b", some=[KEY, {"x": TOKEN}], text=f"with {KEY} in it")
        logging.getLogger("library").warning("it says %s", KEY)
        given = KEY, TOKEN
        try:
            raise ValueError("refused Bearer {1} and {0}".format(*given))
        except ValueError as error:
            log.warning("c", exc_info=error)
            logging.getLogger("library").exception("d")
    output = stream.getvalue()
    assert output.count("ValueError: refused") == 1  # for libraries only the type is logged
    for secret in ("hunter2", *given):
        assert secret not in output


@either
@pytest.mark.case("AB-85")
def test_line_ends_in_events_are_escaped(form: str) -> None:
    forged = "x\n2026-01-01T00:00:00Z [info] forged\r\x1b[2K\u2028forged"
    with written(form) as stream:
        structlog.get_logger("portico").warning("said", by=forged, more={"name": forged})
        logging.getLogger("library").warning("said by %s", forged)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert not any("\x1b" in line or line.startswith("2026-01-01") for line in lines)
    if form == "json":
        assert json.loads(lines[0])["by"] == forged


@either
@pytest.mark.case("AB-85")
def test_long_texts_are_truncated(form: str) -> None:
    with written(form) as stream:
        structlog.get_logger("portico").warning(
            "said", by="x" * 100_000, deep=[{"x": "x" * 100_000}]
        )
        logging.getLogger("library").warning("said by %s", "\n" * 100_000)
    assert len(stream.getvalue()) < 60_000
    assert stream.getvalue().count("more characters)") == 3


@pytest.mark.case("AB-85")
def test_writer_summaries_are_masked() -> None:
    class Memory:
        never_blocks = True
        text = b""

        def write(self, data: bytes) -> int:
            self.text += data
            return len(data)

        def wait(self) -> None: ...

    memory = Memory()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    writer = LogWriter(memory)
    with redirect_stderr(LogStream(writer, None)):
        configure_logging(LogSettings(format="json"), to_terminal=False, writer=writer)
        try:
            with structlog.contextvars.bound_contextvars(request="r1", client="192.0.2.1"):
                for _ in range(50):
                    structlog.get_logger("portico").info("refused", reason=f"with {KEY} in it")
                    logging.getLogger("library").warning("it says %s", KEY)
            structlog.get_config()["processors"][4].flush()  # as at the end of the process
        finally:
            logging.captureWarnings(False)
            root.handlers, root.level = handlers, level
            structlog.reset_defaults()
    lines = [json.loads(line) for line in memory.text.splitlines()]
    assert KEY not in memory.text.decode()
    assert [line.get("count") for line in lines] == [None, None, 49, 49]
    assert [line["client"] for line in lines] == ["192.0.2.1"] * 4
    assert all(line["first"] <= line["last"] == line["timestamp"] for line in lines[2:])
