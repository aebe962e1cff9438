"""What plugins see of each request: when it begins, and when it has been answered. They change nothing of it."""

import time
from typing import Any, Protocol, runtime_checkable

#: Bytes of a body that an observer may ask for.
MAX_KEPT_BYTES = 1024 * 1024


class KeptBody:
    """A body of which at most so many bytes are kept, and all are counted. `limit`: 0 = none is kept."""

    __slots__ = ("_blocks", "content_type", "limit", "size")

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self.limit = self.size = 0
        self.content_type = ""

    def feed(self, block: bytes) -> None:
        """Count a block, and keep it while all fits."""
        self.size += len(block)
        if self.limit and self.size <= self.limit:
            self._blocks.append(block)
        elif self._blocks:
            self._blocks.clear()

    @property
    def content(self) -> bytes | None:
        """The whole body; None if it is not kept, or has more bytes than the limit."""
        return b"".join(self._blocks) if self.size <= self.limit else None


class ObservedRequest:
    """One request, or one web socket, whose method is `WEBSOCKET`.

    While it begins, `method`, `path`, `query`, `client` and `user_agent` are known, as the client sent them: any text. `keep` asks for
    bodies. At its end also the rest: `route`, the template of the path, empty if there is none; `status`, 0 if it was not
    answered; `account`, the actor, or None; `request_id`, empty if it was not answered; `seconds`. `client` is then the address that
    trusted proxies report.
    """

    __slots__ = (
        "account", "client", "method", "path", "query", "request_body", "request_id", "response_body", "route",
        "seconds", "started", "status", "user_agent",
    )  # fmt: skip

    def __init__(self, method: str, path: str, query: bytes) -> None:
        self.method, self.path, self.query = method, path, query
        self.route = self.client = self.user_agent = self.request_id = ""
        self.status = 0
        self.account: Any = None
        self.seconds = 0.0
        self.started = time.monotonic()
        self.request_body, self.response_body = KeptBody(), KeptBody()

    def keep(self, *, request: int = 0, response: int = 0) -> None:
        """Keep bodies of at most so many bytes. A response that is kept is not compressed. Call it while the request begins."""
        for body, limit in ((self.request_body, request), (self.response_body, response)):
            body.limit = max(body.limit, min(limit, MAX_KEPT_BYTES))


@runtime_checkable
class RequestObserver(Protocol):
    """Is told of each request. Its methods run on the event loop, take microseconds and must not block."""

    def request_begins(self, request: ObservedRequest) -> None:
        """Called before a request is served."""
        ...

    def request_ended(self, request: ObservedRequest) -> None:
        """Called after the last byte of the response, or when the client has disconnected."""
        ...
