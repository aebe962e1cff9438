"""Tells the observers of plugins of each request. Around the application only where a plugin has registered one."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from portico.web.middleware.proxies import client_address
from portico.web.request_observer import ObservedRequest, RequestObserver

#: Called with a plugin, what it was doing, and what it raised.
LogFailure = Callable[[str, str, BaseException], object]
_DOING: Final = "observing requests"


class ObservedRequests:
    """An ASGI application whose requests are observed. `observers`: each with its plugin."""

    def __init__(
        self,
        app: ASGIApp,
        observers: Sequence[tuple[str, RequestObserver]],
        log_failure: LogFailure,
    ) -> None:
        self._app, self._observers, self._log_failure = app, observers, log_failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or web socket. Called by the server."""
        fields: dict[str, Any] = scope  # type: ignore[assignment]
        method = "WEBSOCKET" if fields["type"] == "websocket" else str(fields["method"])
        request = ObservedRequest(method, fields["path"], fields["query_string"])
        request.client = client_address(scope)
        _read_headers(request, fields["headers"])
        self._tell(request, "request_begins")
        incoming, outgoing = request.request_body, request.response_body
        if outgoing.limit:
            # What is kept has to be readable.
            fields["headers"] = [one for one in fields["headers"] if one[0] != b"accept-encoding"]

        async def receive_observed() -> Any:
            message: Any = await receive()
            incoming.feed(message.get("body") or b"")
            return message

        async def send_observed(message: Message) -> None:
            part: Any = message
            kind = part["type"]
            if kind == "http.response.body":
                outgoing.feed(part.get("body") or b"")
            elif kind in ("http.response.start", "websocket.http.response.start"):
                request.status = part["status"]
                _read_response_headers(request, part["headers"])
            elif kind == "websocket.accept":
                request.status = 101
                _read_response_headers(request, part.get("headers") or ())
            await send(message)

        try:
            await self._app(scope, receive_observed, send_observed)
        finally:
            request.seconds = time.monotonic() - request.started
            request.route = str(fields.get("path_template") or "")
            request.account = fields.get("user")
            request.client = client_address(scope)
            self._tell(request, "request_ended")

    def _tell(self, request: ObservedRequest, method: str) -> None:
        for plugin, observer in self._observers:
            try:
                getattr(observer, method)(request)
            except Exception as error:  # noqa: BLE001 - an observer must not end a request
                self._log_failure(plugin, _DOING, error)


def _read_headers(request: ObservedRequest, headers: Any) -> None:
    for name, value in headers:
        if name == b"user-agent":
            request.user_agent = value.decode("latin-1")
        elif name == b"content-type":
            request.request_body.content_type = value.decode("latin-1")


def _read_response_headers(request: ObservedRequest, headers: Any) -> None:
    for name, value in headers:
        if name == b"x-request-id":
            request.request_id = value.decode("latin-1")
        elif name == b"content-type":
            request.response_body.content_type = value.decode("latin-1")
