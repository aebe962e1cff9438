"""The log: one event a line, on standard error; JSON for machines, aligned columns for a terminal.

Every line written while a request is served carries its id as `request`. Values under keys that name secrets are
masked whoever writes them, because the line that leaks is the one nobody thought of.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from portico.errors import place
from portico.settings.schema import LogSettings

_SECRET = re.compile(
    r"(^|_)(password|secret|token|api_?key|authorization|cookie|credential)s?($|_)", re.I
)
_TOKEN = re.compile(
    r"\b(sk-[A-Za-z0-9_-]{6})[A-Za-z0-9_-]+|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+|(?<=Bearer )\S+"
)


def mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what must not be written. A structlog processor."""
    for key, value in event.items():
        if _SECRET.search(key) and value:
            event[key] = "********"
        elif isinstance(value, str) and ("sk-" in value or "eyJ" in value or "Bearer " in value):
            event[key] = _TOKEN.sub("********", value)
    return event


def discreet(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Of an exception that a library logs, the kind and the place: its text may hold a secret, and so may the rest of
    a message that quotes it. A structlog processor.
    """
    error = (event.pop("exc_info", None) or (None, None))[1]
    if error is not None:
        event["event"] = str(event["event"]).partition("\n")[0]
        event["error"], event["at"] = type(error).__name__, place(error)
    return event


def set_up(settings: LogSettings, *, to_terminal: bool | None = None) -> None:
    """Configure logging for this process, ours and the libraries'. Called once, by the command line."""
    level = getattr(logging, settings.level.upper())
    on_terminal = sys.stderr.isatty() if to_terminal is None else to_terminal
    console = settings.format == "console" or (settings.format == "auto" and on_terminal)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask,
    ]
    last: list[Any] = (
        [
            # The pretty formatter would print local variables, secrets among them.
            structlog.dev.ConsoleRenderer(
                colors=on_terminal, exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,  # a line is rare, and a stale stream would lose it
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared if level == logging.DEBUG else [*shared, discreet],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))  # libraries speak up when something is wrong
