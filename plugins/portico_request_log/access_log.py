"""One line per request on standard error, in the format of the other logs."""

import json
import sys
from datetime import UTC, datetime
from typing import Final

from portico.api.cli import printable
from portico.api.db import now
from portico.api.tracing import current_traceparent
from portico.api.web import ObservedRequest

#: Characters of a path without a route, which any client may choose.
MAX_PATH_CHARS: Final = 256


class AccessLog:
    """Implements `RequestObserver`. `log_format`: that of the other logs."""

    def __init__(self, log_format: str) -> None:
        is_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
        self._write = json_line if is_json else text_line

    def request_begins(self, request: ObservedRequest) -> None:
        """Do nothing: all is known at the end."""

    def request_ended(self, request: ObservedRequest) -> None:
        """Write the line. Nothing waits for it: standard error of a server process does not block."""
        sys.stderr.write(self._write(request))


def json_line(request: ObservedRequest) -> str:
    """Return a request as one object in ASCII, so no text in it ends the line."""
    return f"{json.dumps(_fields(request))}\n"


def text_line(request: ObservedRequest) -> str:
    """Return a request as one line of words and `name=value`."""
    fields = _fields(request)
    head = f"{fields.pop('timestamp')} [{fields.pop('level')}] {fields.pop('event')}"
    rest = " ".join(f"{name}={_value(value)}" for name, value in fields.items())
    return f"{head} {rest}\n"


def _fields(request: ObservedRequest) -> dict[str, str | int | float | None]:
    method = request.method if request.method.isalpha() and len(request.method) <= 16 else "?"
    fields: dict[str, str | int | float | None] = {
        "method": method,
        # A route has names in place of ids. The query may hold secrets, and is left out.
        "path": request.route or request.path[:MAX_PATH_CHARS],
        "status": request.status or None,
        "ms": round(request.seconds * 1000, 1),
        "received": request.request_body.size,
        "sent": 0 if request.method == "HEAD" else request.response_body.size,
        "client": request.client,
        "account": request.account.id if request.account is not None else None,
        "request": request.request_id or None,
        "event": "request",
        "level": "info",
        "timestamp": _timestamp(),
    }
    if traceparent := current_traceparent():
        fields["trace"] = traceparent[3:35]
    return fields


def _timestamp() -> str:
    return datetime.fromtimestamp(now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _value(value: object) -> str:
    text = "-" if value is None else str(value)
    return printable(text).replace(" ", "\\x20") or '""'
