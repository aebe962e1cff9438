"""The test kit: a pytest plugin with what Portico's own tests use, for the tests of any plugin.

    def test_echo_repeats(admin):
        assert admin.ask("echo", "hi") == "hi"

`house` is a whole application on a fresh database, in this process; `server` is the same as a real process behind a
real port. Both read `environment`, a dictionary of settings by environment name; override that fixture to change
them. Clients are plain and synchronous. Nothing of Portico is imported before a fixture asks for it.
"""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

PASSWORD = "correct horse battery staple"  # noqa: S105 - that of made-up people
SECRET = "a-secret-for-tests-only-0123456789abcdefghij"  # noqa: S105 - signs nothing real


@dataclass(frozen=True)
class Answer:
    """What came back. `headers`: names in lower case; of a repeated header the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def detail(self) -> Any:
        """The reason of a refusal."""
        return self.json["detail"]

    @property
    def events(self) -> list[str]:
        """The payloads of a stream of server-sent events, in order."""
        return [
            line[5:].strip() for line in self.body.decode().splitlines() if line.startswith("data:")
        ]


class Transport(Protocol):
    def __call__(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> Answer:
        """Send one request, wait for the whole answer."""
        ...


@dataclass
class Client:
    """Somebody who talks to Portico. With a token, somebody who is signed in."""

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
    ) -> Answer:
        """`json` is encoded; `body` is sent as it is. `path` may hold a query."""
        given = list(headers.items()) if isinstance(headers, Mapping) else list(headers or ())
        names = {name.lower() for name, _ in given}
        if self.token and "authorization" not in names:
            given.append(("authorization", f"Bearer {self.token}"))
        if json is not None:
            body = _encode(json)
        if body is not None and "content-type" not in names:
            given.append(("content-type", "application/json"))
        return self.transport(method, path, given, body or b"")

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> Answer:
        return self.request("POST", path, json=json, **options)

    def delete(self, path: str, json: Any = None, **options: Any) -> Answer:
        return self.request("DELETE", path, json=json, **options)

    def sign_up(self, name: str, password: str = PASSWORD) -> "Client":
        """A new account of that name, signed in. Fails the test if it is refused."""
        form = {"name": name, "email": f"{name.lower()}@example.org", "password": password}
        return self._enter("/api/v1/auths/signup", form)

    def sign_in(self, name: str, password: str = PASSWORD) -> "Client":
        form = {"email": f"{name.lower()}@example.org", "password": password}
        return self._enter("/api/v1/auths/signin", form)

    def add_person(self, name: str, role: str = "user") -> "Client":
        """A new account made by this administrator, signed in."""
        form = {
            "name": name,
            "email": f"{name.lower()}@example.org",
            "password": PASSWORD,
            "role": role,
        }
        answer = self.post("/api/v1/auths/add", form)
        assert answer.status == 200, answer
        return self.sign_in(name)

    def ask(self, model: str, text: str, **body: Any) -> str:
        """One question, one whole answer, through `/api/chat/completions`."""
        messages = [{"role": "user", "content": text}]
        answer = self.post(
            "/api/chat/completions", {"model": model, "messages": messages, "stream": False, **body}
        )
        assert answer.status == 200, answer
        return str(answer.json["choices"][0]["message"]["content"])

    def _enter(self, path: str, form: dict[str, str]) -> "Client":
        answer = Client(self.transport).post(path, form)
        assert answer.status == 200, answer
        return Client(self.transport, answer.json["token"], answer.json)


def _encode(value: Any) -> bytes:
    return json.dumps(value).encode()


# -- in this process ----------------------------------------------------------------------------------------


class House:
    """A whole application in this process, on an event loop of its own in another thread."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        from anyio.from_thread import start_blocking_portal

        from portico.app import Portico
        from portico.server.log import set_up
        from portico.settings.load import load_settings

        loaded = load_settings(environ=environment)
        set_up(loaded.settings.log)
        self.portico = Portico(loaded, loaded.settings.identity.secret_key)
        self._exit = contextlib.ExitStack()
        self._portal = self._exit.enter_context(start_blocking_portal())
        self._exit.callback(lambda: self._portal.call(self.portico.stop))
        try:
            self._portal.call(self.portico.start)
        except BaseException:
            self._exit.close()
            raise

    @property
    def client(self) -> Client:
        """Somebody who is not signed in."""
        return Client(self._send)

    def call(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Await `work(*arguments)` where the application lives, with its database as the current one."""

        async def inside() -> Any:
            with self.portico.database.use():
                return await work(*arguments)

        return self._portal.call(inside)

    def close(self) -> None:
        self._exit.close()

    def _send(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> Answer:
        return self._portal.call(self._asgi, method, target, headers, body)

    async def _asgi(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> Answer:
        import asyncio

        path, _, query = target.partition("?")
        pairs = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
            "method": method, "path": urllib.parse.unquote(path), "raw_path": path.encode(),
            "query_string": query.encode(), "root_path": "",
            "headers": [(b"host", b"testserver"), *pairs, (b"content-length", str(len(body)).encode())],
            "client": ("127.0.0.1", 1), "server": ("testserver", 80), "state": {}, "extensions": {},
        }  # fmt: skip
        sent, start, parts = False, {}, []

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if sent:
                await asyncio.Event().wait()  # this client never leaves early
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message.get("body", b""))

        await self.portico(scope, receive, send)  # type: ignore[arg-type]
        names = {n.decode("latin-1").lower(): v.decode("latin-1") for n, v in start["headers"]}
        return Answer(start["status"], names, b"".join(parts))


# -- as a process -------------------------------------------------------------------------------------------


class Server:
    """`portico serve` as a real process. `url`: where it listens once `start` has returned.

    `python`: the interpreter of the environment in which Portico is installed.
    """

    def __init__(
        self, environment: Mapping[str, str], directory: Path, python: str | Path = sys.executable
    ) -> None:
        self.environment, self.directory, self.python = dict(environment), directory, python
        self.url = ""
        self.process: subprocess.Popen[str] | None = None

    def start(self, *options: str, timeout: float = 30) -> "Server":
        """Start it and wait for the ready line. `timeout`: seconds. Raises RuntimeError with its last words."""
        self.log = (self.directory / "server.log").open("a+")
        self.log.seek(0, os.SEEK_END)
        begin = self.log.tell()
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [self.python, "-m", "portico", "serve", "--port", str(self._port()), *options],
            env={**_bare_environment(), **self.environment},
            cwd=self.directory,
            stdout=self.log,
            stderr=self.log,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.log.seek(begin)
            said = self.log.read()
            if "Portico is ready at " in said:
                self.url = said.split("Portico is ready at ", 1)[1].split()[0]
                return self
            if self.process.poll() is not None:
                raise RuntimeError(said)
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"not ready after {timeout} s: {said}")

    def _port(self) -> int:
        """Any free one at first; the same again after a restart, as clients would expect."""
        return urllib.parse.urlsplit(self.url).port or 0

    @property
    def client(self) -> Client:
        return Client(OverHTTP(self.url))

    @property
    def log_text(self) -> str:
        return (self.directory / "server.log").read_text()

    def kill(self) -> None:
        """SIGKILL to the whole process group: nobody gets to say goodbye."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.log.close()
            self.process = None

    def stop(self, timeout: float = 30) -> int:
        """SIGTERM, and wait. Returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(timeout)
        self.log.close()
        self.process = None
        return code


@dataclass(frozen=True)
class OverHTTP:
    """One connection for each request; the whole answer."""

    url: str
    timeout: float = 30

    def __call__(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> Answer:
        """Send one request."""
        parts = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=self.timeout
        )
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()


def _bare_environment() -> dict[str, str]:
    """This process's environment without anything that Portico would read as a setting."""
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "SYSTEMROOT")
    return {name: os.environ[name] for name in keep if name in os.environ}  # noqa: TID251 - a child's


# -- fixtures -----------------------------------------------------------------------------------------------


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Settings by environment name. Override it, or change the dictionary before asking for `house`."""
    return {
        "DATA_DIR": str(tmp_path / "data"),
        "WEBUI_SECRET_KEY": SECRET,
        "ENABLE_SIGNUP": "true",
        "DEFAULT_USER_ROLE": "user",
        "PORTICO_IDENTITY_PASSWORD_ROUNDS": "4",
        "PORTICO_STRICT": "true",
    }


@pytest.fixture
def house(environment: dict[str, str]) -> Iterator[House]:
    """A whole application in this process, on a fresh database."""
    opened = House(environment)
    yield opened
    opened.close()


@pytest.fixture
def client(house: House) -> Client:
    """Somebody who is not signed in."""
    return house.client


@pytest.fixture
def admin(client: Client) -> Client:
    """The first account of the house, signed in."""
    return client.sign_up("Ada")


@pytest.fixture
def person(admin: Client) -> Client:
    """An ordinary account, signed in."""
    return admin.add_person("Ben")


@pytest.fixture
def server(environment: dict[str, str], tmp_path: Path) -> Iterator[Server]:
    """A real process behind a real port; started already."""
    process = Server(environment, tmp_path).start()
    yield process
    process.kill()
