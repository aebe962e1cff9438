"""Clients for tests: plain, synchronous, over HTTP or any other transport."""

import http.client
import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from portico.testing.response import Response
from portico.testing.socket_io import PollingEngine, SocketIOClient, WebSocketEngine
from portico.testing.websockets import PortSocket, Socket

#: The `auth` of a socket that is signed in with the token of its client.
SIGNED_IN: Any = object()
PASSWORD = "correct horse battery staple"  # noqa: S105 - of accounts in tests


class Transport(Protocol):
    """How a client sends requests."""

    def __call__(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> Response:
        """Send one request, and wait for the whole response."""
        ...

    def connect(self, target: str, headers: list[tuple[str, str]]) -> Socket:
        """Open a web socket. Raises: HandshakeRefused."""
        ...


@dataclass
class Client:
    """A client of Portico. With a token, it is signed in. `account`: the response to the sign-in."""

    transport: Transport
    token: str | None = None
    account: Mapping[str, Any] = field(default_factory=dict)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | list[tuple[str, str]] | None = None,
    ) -> Response:
        """Send a request. `json` is encoded; `body` is sent as it is. `path` may contain a query."""
        given = list(headers.items()) if isinstance(headers, Mapping) else list(headers or ())
        names = {name.lower() for name, _ in given}
        if self.token and "authorization" not in names:
            given.append(("authorization", f"Bearer {self.token}"))
        if json is not None:
            body = _encode(json)
        if body is not None and "content-type" not in names:
            given.append(("content-type", "application/json"))
        return self.transport(method, path, given, body or b"")

    def get(self, path: str, **options: Any) -> Response:
        """Send a GET request. `options`: as of `request`."""
        return self.request("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> Response:
        """Send a POST request with a JSON body. `options`: as of `request`."""
        return self.request("POST", path, json=json, **options)

    def delete(self, path: str, json: Any = None, **options: Any) -> Response:
        """Send a DELETE request. `options`: as of `request`."""
        return self.request("DELETE", path, json=json, **options)

    def websocket(
        self, path: str, *, headers: Mapping[str, str] | list[tuple[str, str]] | None = None
    ) -> Socket:
        """Open a web socket: `with client.websocket("/api/x/echo/live") as socket: …`. Raises: HandshakeRefused."""
        given = list(headers.items()) if isinstance(headers, Mapping) else list(headers or ())
        names = {name.lower() for name, _ in given}
        if self.token and "authorization" not in names:
            given.append(("authorization", f"Bearer {self.token}"))
        return self.transport.connect(path, given)

    def connect_socket(
        self,
        auth: Any = SIGNED_IN,
        *,
        transport: Literal["websocket", "polling"] = "websocket",
        headers: Mapping[str, str] | None = None,
    ) -> SocketIOClient:
        """Open a Socket.IO connection: `with user.connect_socket() as socket: …`.

        `auth`: the data of the connect packet; by default this client's token. Raises: as `SocketIOClient`.
        """
        engine = WebSocketEngine if transport == "websocket" else PollingEngine
        given = {"token": self.token} if auth is SIGNED_IN else auth
        return SocketIOClient(engine(self, headers or {}), given)

    def sign_up(self, name: str, password: str = PASSWORD) -> "Client":
        """Create an account with this name by sign-up, and return its client. Fails the test if it is refused."""
        form = {"name": name, "email": f"{name.lower()}@example.org", "password": password}
        return self._authenticate("/api/v1/auths/signup", form)

    def sign_in(self, name: str, password: str = PASSWORD) -> "Client":
        """Sign in to the account with this name, and return its client. Fails the test if it is refused."""
        form = {"email": f"{name.lower()}@example.org", "password": password}
        return self._authenticate("/api/v1/auths/signin", form)

    def add_user(self, name: str, role: str = "user") -> "Client":
        """Create an account as this administrator, and return its client, signed in."""
        form = {
            "name": name,
            "email": f"{name.lower()}@example.org",
            "password": PASSWORD,
            "role": role,
        }
        answer = self.post("/api/v1/auths/add", form)
        assert answer.status == 200, answer
        return self.sign_in(name)

    def complete(self, model: str, text: str, **body: Any) -> str:
        """Send one message to a model with `/api/chat/completions`, and return the text of the answer."""
        messages = [{"role": "user", "content": text}]
        answer = self.post(
            "/api/chat/completions", {"model": model, "messages": messages, "stream": False, **body}
        )
        assert answer.status == 200, answer
        return str(answer.json["choices"][0]["message"]["content"])

    def _authenticate(self, path: str, form: dict[str, str]) -> "Client":
        answer = Client(self.transport).post(path, form)
        assert answer.status == 200, answer
        return Client(self.transport, answer.json["token"], answer.json)


def _encode(value: Any) -> bytes:
    return json.dumps(value).encode()


@dataclass(frozen=True)
class HTTPTransport:
    """Sends each request over its own connection. `source`: the local address to use, such as 127.0.0.2."""

    url: str
    timeout: float = 30
    source: str = ""

    def __call__(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> Response:
        """Send one request, and wait for the whole response."""
        parts = urllib.parse.urlsplit(self.url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        connection = kind(
            parts.hostname or "",
            parts.port,
            timeout=self.timeout,
            source_address=(self.source, 0) if self.source else None,
        )
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            cookies = tuple(response.headers.get_all("set-cookie") or ())
            return Response(response.status, names, response.read(), cookies)
        finally:
            connection.close()

    def connect(self, target: str, headers: list[tuple[str, str]]) -> Socket:
        """Open a web socket. Raises: HandshakeRefused."""
        return PortSocket(self.url + target, headers)
