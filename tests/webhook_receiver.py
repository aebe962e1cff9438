"""A receiver of webhooks with a port of its own, which checks signatures as the specification says.

    with WebhookReceiver() as receiver:
        receiver.url          # for WEBHOOK_URL
        receiver.messages     # received requests
        receiver.statuses     # statuses of the next answers; then 204

`headers`, `body`: of each answer.
"""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
from dataclasses import dataclass
from typing import Any, Self

#: What the guarded client must be allowed to reach it.
ALLOWED = {
    "PORTICO_HTTP_CLIENT_ALLOWED_HOSTS": "127.0.0.1",
    "PORTICO_WEBHOOKS_BACKOFF_SECONDS": "0",
}


@dataclass(frozen=True)
class Message:
    """One request. `headers`: names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def is_signed_with(self, secret: str) -> bool:
        """Verify the signature, as https://www.standardwebhooks.com asks receivers to, and that it is of this minute."""
        kind, _, key = secret.partition("_")
        assert kind == "whsec" and 24 <= len(base64.b64decode(key)) <= 64
        at = self.headers["webhook-timestamp"]
        signed = b".".join([self.id.encode(), at.encode(), self.body])
        mac = hmac.new(base64.b64decode(key), signed, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(mac).decode()
        return abs(time.time() - int(at)) < 300 and expected in self.headers[
            "webhook-signature"
        ].split(" ")


class WebhookReceiver:
    """See the module."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        self.body = b""
        self.paused = threading.Event()
        self._arrived = threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with receiver._arrived:
                    receiver.messages.append(Message(self.path, headers, body))
                    status = receiver.statuses.pop(0) if receiver.statuses else 204
                    receiver._arrived.notify_all()
                while receiver.paused.is_set():
                    time.sleep(0.01)
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("content-length", str(len(receiver.body)))
                self.end_headers()
                if status != 204:
                    self.wfile.write(receiver.body)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # a sender that was killed
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def wait_for(self, count: int, seconds: float = 30.0) -> list[Message]:
        """Wait until so many messages were received, and return them."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.messages) >= count, seconds), (
                f"{len(self.messages)} of {count} messages"
            )
            return list(self.messages)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
