"""The log: one event a line, on standard error; JSON for machines, aligned columns for a terminal.

In a server process no line waits for whoever reads it (`log_writer`), and what requests repeat is summed up once a second
(`log_repeats`).

Every line written while a request is served carries its id as `request`. Values under keys that name secrets are
masked whoever writes them, because the line that leaks is the one nobody thought of.
"""

import logging
import re
import sys
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from multiprocessing import util
from typing import Any, TextIO

import structlog

from portico.errors import error_location
from portico.server.log_repeats import RepeatFilter, own_lines
from portico.server.log_writer import LogWriter
from portico.settings.schema import LogSettings
from portico.web.middleware.request_context import add_request

_SECRET = re.compile(
    r"(^|_)(password|secret|token|api_?key|authorization|cookie|credential)s?($|_)", re.I
)
# Whatever begins like a JWT: to look for its dot first would take quadratic time where there is none.
_TOKEN = re.compile(
    r"\b(sk-[A-Za-z0-9_-]{6})[A-Za-z0-9_-]+|\beyJ[A-Za-z0-9_-]{8}[A-Za-z0-9_.-]*|(?<=Bearer )\S+"
)
#: Levels of lists and tables in a value that are looked through.
_DEEPEST = 8
#: Characters of one text that are written; a provider's error may be a whole page.
MAX_TEXT_CHARS = 8192
_STAMP = structlog.processors.TimeStamper(fmt="iso", utc=True)


def mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what must not be written, however deep it lies. A structlog processor."""
    for key, value in event.items():
        event[key] = _masked(key, value, _DEEPEST)
    return event


def hide_exception_text(
    _: Any, __: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Of an exception that a library logs, the kind and the place: its text may hold a secret, and so may the rest of
    a message that quotes it. A structlog processor.
    """
    error = (event.pop("exc_info", None) or (None, None))[1]
    if error is not None:
        event["event"] = str(event["event"]).partition("\n")[0]
        event["error"], event["at"] = type(error).__name__, error_location(error)
    return event


def escape_newlines(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Nobody's text begins a line of its own that looks like another event. A structlog processor."""
    text = event.get("event")
    if isinstance(text, str) and not text.isprintable():
        event["event"] = "".join(
            one if one.isprintable() else one.encode("unicode_escape", "backslashreplace").decode()
            for one in text
        )
    return event


def _masked(key: str, value: Any, deep: int) -> Any:
    if _SECRET.search(key) and value:
        return "********"
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARS:
        value = f"{value[:MAX_TEXT_CHARS]}… ({len(value) - MAX_TEXT_CHARS} more characters)"
    match value:
        case str() if "sk-" in value or "eyJ" in value or "Bearer " in value:
            return _TOKEN.sub("********", value)
        case dict() if deep:
            return {name: _masked(str(name), one, deep - 1) for name, one in value.items()}
        case list() if deep:
            return [_masked("", one, deep - 1) for one in value]
        case _:
            return value


def configure_logging(
    settings: LogSettings, *, to_terminal: bool | None = None, writer: LogWriter | None = None
) -> None:
    """Configure logging for this process, ours and the libraries'.

    `writer`: that of a server process, whose streams have been taken over; with it, repeated lines are summed up.
    """
    level = getattr(logging, settings.level.upper())
    on_terminal = sys.stderr.isatty() if to_terminal is None else to_terminal
    console = settings.format == "console" or (settings.format == "auto" and on_terminal)
    last: list[Any] = [
        # Before the masking: what an exception says goes into the line too. Its local variables do not.
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
    repeats = own_lines if writer is None else _summed_up(writer, [*last, renderer])
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
        cache_logger_on_first_use=False,  # a line is rare, and a stale stream would lose it
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
    root.setLevel(max(level, logging.WARNING))  # libraries speak up when something is wrong
    logging.captureWarnings(writer is not None)


class LogHandler(logging.StreamHandler[TextIO]):
    """A handler whose formatter may decide that a record is not written."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, unless a processor has dropped it."""
        with suppress(structlog.DropEvent):
            super().emit(record)


def _summed_up(writer: LogWriter, processors: Sequence[Any]) -> RepeatFilter:
    """A filter that writes its summaries, and has the writer say what it dropped, as any other event is written."""

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
