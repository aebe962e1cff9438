"""Records a span for each request and each web socket of clients. Around the application only where a tracer is registered."""

from typing import Any, Final

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from portico.tracing import OpenSpan, Tracing, valid_traceparent
from portico.web.middleware.request_context import SOCKET_TRACE_KEY

#: Others become `_OTHER`: a client may send any word. Source: RFC 9110, 9; RFC 5789.
METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER_METHOD: Final = "_OTHER"


class TracedRequests:
    """An ASGI application that records what another one serves."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app, self._tracing = app, tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or web socket. Called by the server."""
        tracer = self._tracing.tracer
        if tracer is None:
            await self._app(scope, receive, send)
            return
        parent = _sent_traceparent(scope) if tracer.continues_traces else ""
        given = scope.get("method", "GET")
        method = given if given in METHODS else OTHER_METHOD
        attributes = {"http.request.method": method, "url.scheme": str(scope["scheme"])}
        request = self._tracing.begin(method, "server", parent, attributes)
        if scope["type"] == "websocket":  # type: ignore[comparison-overlap]
            # It may last for hours, so its span is that of the handshake.
            with request:
                request.rename("web socket")
                scope[SOCKET_TRACE_KEY] = request.traceparent  # type: ignore[typeddict-unknown-key]
                request.set("portico.transport", "websocket")
            await self._app(scope, receive, send)
            return

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                _note_response(request, scope, method, message["status"])
            await send(message)

        with request:
            await self._app(scope, receive, send_noted)


def _note_response(request: OpenSpan, scope: Scope, method: str, status: int) -> None:
    fields: dict[str, Any] = scope  # type: ignore[assignment]
    if route := fields.get("path_template"):
        request.rename(f"{method} {route}")
        request.set("http.route", route)
    handler = fields.get("route_handler")
    if handler is not None:
        request.set("portico.plugin", str(handler.opt.get("plugin", "portico")))
    request.set("http.response.status_code", status)
    if status >= 500:
        request.fail(str(status))


def _sent_traceparent(scope: Scope) -> str:
    found = [value for name, value in scope["headers"] if name == b"traceparent"]
    return valid_traceparent(found[0].decode("latin-1")) if len(found) == 1 else ""
