"""A web server with a port of its own, for what the server fetches from addresses of users.

    with PageServer({"/a": ("text/html", b"…")}) as pages:
        pages.url             # where it is
        pages.paths           # what was asked for, in order

A path without an answer gets 404. `ALLOWED`: what the guarded client must be allowed to reach it.
"""

import http.server
import threading
from collections.abc import Mapping
from typing import Any, Self

ALLOWED = {"PORTICO_HTTP_CLIENT_ALLOWED_HOSTS": "127.0.0.1"}


class PageServer:
    """See the module."""

    def __init__(self, answers: Mapping[str, tuple[str, bytes]]) -> None:
        self.answers = answers
        self.paths: list[str] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = (
            False  # so that closing it waits for the connections it has accepted
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 5  # of a connection that sends nothing

            def do_GET(self) -> None:  # noqa: N802 - the name that the library calls
                pages.paths.append(self.path)
                kind, body = pages.answers.get(self.path, ("text/plain", b""))
                self.send_response(200 if self.path in pages.answers else 404)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
