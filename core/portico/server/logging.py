"""The log: one event per line on standard error, as JSON or, on a terminal, as aligned columns.

In a server process writing does not block (`log_writer`), and repeated events of requests are summarized once a second
(`log_repeats`).

Every line written while a request is served has its id as `request`. Values of keys that name secrets are masked in
all events, whichever module writes them.
"""

import logging
import re
import sys
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing import util
from typing import Any, TextIO

import structlog

from portico.errors import error_location
from portico.server.log_repeats import RepeatFilter, own_lines
from portico.server.log_writer import LogWriter
from portico.settings.schema import LogSettings
from portico.terminal.text import printable
from portico.web.middleware.request_context import add_request

_SECRET = re.compile(
    r"(^|_)(password|secret|token|api_?key|authorization|cookie|credential)s?($|_)", re.I
)
# Everything that begins like a JWT: a pattern that requires its dot would take quadratic time where there is none.
_TOKEN = re.compile(
    r"\b(sk-[A-Za-z0-9_-]{6})[A-Za-z0-9_-]+|\beyJ[A-Za-z0-9_-]{8}[A-Za-z0-9_.-]*|(?<=Bearer )\S+"
)
#: Levels of lists and tables in a value that are searched for secrets.
_MAX_DEPTH = 8
#: Characters of one text that are written; the error of a provider may be long.
MAX_TEXT_CHARS = 8192
_STAMP = structlog.processors.TimeStamper(fmt="iso", utc=True)


def mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask secrets in an event, also in nested values. A structlog processor."""
    for key, value in event.items():
        event[key] = _masked(key, value, _MAX_DEPTH)
    return event


def hide_exception_text(
    _: Any, __: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace the text of an exception that a library logs by its type and location. A structlog processor.

    The text may contain a secret, and so may all lines but the first of the message, which may quote it.
    """
    error = (event.pop("exc_info", None) or (None, None))[1]
    if error is not None:
        event["event"] = str(event["event"]).partition("\n")[0]
        event["error"], event["at"] = type(error).__name__, error_location(error)
    return event


def escape_newlines(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape line ends and control characters, so that no text can imitate another event. A structlog processor."""
    text = event.get("event")
    if isinstance(text, str) and not text.isprintable():
        event["event"] = printable(text)
    return event


def _add_process(
    number: int, _: Any, __: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    event["process"] = number
    return event


def _masked(key: str, value: Any, depth: int) -> Any:
    if _SECRET.search(key) and value:
        return "********"
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARS:
        value = f"{value[:MAX_TEXT_CHARS]}… ({len(value) - MAX_TEXT_CHARS} more characters)"
    match value:
        case str() if "sk-" in value or "eyJ" in value or "Bearer " in value:
            return _TOKEN.sub("********", value)
        case dict() if depth:
            return {name: _masked(str(name), one, depth - 1) for name, one in value.items()}
        case list() if depth:
            return [_masked("", one, depth - 1) for one in value]
        case _:
            return value


def configure_logging(
    settings: LogSettings,
    *,
    to_terminal: bool | None = None,
    writer: LogWriter | None = None,
    process: int | None = None,
) -> None:
    """Configure logging for this process, including that of libraries.

    `writer`: the writer of a server process (see `take_over_streams`); with it, repeated events are summarized. `process`:
    the number of this server process, which every event gets; None if there is only one.
    """
    level = getattr(logging, settings.level.upper())
    on_terminal = sys.stderr.isatty() if to_terminal is None else to_terminal
    console = settings.format == "console" or (settings.format == "auto" and on_terminal)
    last: list[Any] = [
        *(() if process is None else (partial(_add_process, process),)),
        # Before the masking, since the text of an exception is part of the line. Its local variables are not.
        structlog.processors.format_exc_info,
        mask,
        escape_newlines,
    ]
    renderer: Any = (
        # The pretty formatter would print local variables, secrets among them.
        structlog.dev.ConsoleRenderer(
            colors=on_terminal, exception_formatter=structlog.dev.plain_traceback
        )
        if console
        else structlog.processors.JSONRenderer()
    )
    repeats = own_lines if writer is None else _repeat_filter(writer, [*last, renderer])
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        add_request,
        structlog.processors.add_log_level,
        _STAMP,
        repeats,
        *last,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,  # events are rare, and one written to a stale stream would be lost
    )
    handler = LogHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared if level == logging.DEBUG else [hide_exception_text, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))  # libraries log warnings and errors only
    logging.captureWarnings(writer is not None)


class LogHandler(logging.StreamHandler[TextIO]):
    """A handler for records that a processor may drop."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, unless a processor has dropped it."""
        with suppress(structlog.DropEvent):
            super().emit(record)


def _repeat_filter(writer: LogWriter, processors: Sequence[Any]) -> RepeatFilter:
    """Return a filter whose summaries, and the writer's reports of dropped lines, are formatted as other events."""

    def rendered(event: MutableMapping[str, Any]) -> str:
        text: Any = event
        for processor in processors:
            text = processor(None, str(event["level"]), text)
        return str(text)

    def dropped(count: int) -> str:
        event = {"event": "log lines dropped", "level": "warning", "count": count}
        return rendered(_STAMP(None, "", event))

    def emit(event: MutableMapping[str, Any]) -> None:
        writer.write(rendered({"timestamp": event["last"], **event}) + "\n")

    writer.dropped_line = dropped
    repeats = RepeatFilter(emit)
    util.Finalize(None, repeats.flush, exitpriority=0)
    return repeats
