"""The request that is being served, for the lines that are logged meanwhile."""

from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

from portico.web.middleware.proxies import client_address

#: Its id, and where it comes from as ASGI has it. Nothing larger: background work that it begins keeps this alive.
REQUEST: ContextVar[tuple[bytes, Any]] = ContextVar("portico_request")


def add_request(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the request's id and the address of its client into each event. A structlog processor."""
    asking = REQUEST.get(None)
    if asking is not None:
        event.setdefault("request", asking[0].decode())
        event.setdefault("client", client_address({"client": asking[1]}))
    return event
