"""The request that is being served, for log events."""

from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any, Final

from portico.tracing import current_trace
from portico.web.middleware.proxies import client_address

#: Request id and ASGI `client`. Nothing larger, since background tasks started by the request keep it in memory.
REQUEST: ContextVar[tuple[bytes, Any]] = ContextVar("portico_request")
#: Where the scope of a web socket has its `traceparent`. What it does meanwhile are traces of their own.
SOCKET_TRACE_KEY: Final = "portico.traceparent"


def add_request(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the request id, the client's address and the trace to a log event. A structlog processor."""
    context = REQUEST.get(None)
    if context is not None:
        event.setdefault("request", context[0].decode())
        event.setdefault("client", client_address({"client": context[1]}))
    if (active := current_trace()) is not None:
        event.setdefault("trace", active.traceparent[3:35])
    return event
