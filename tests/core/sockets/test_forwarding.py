"""Requests of a Socket.IO connection that reach another instance than its owner."""

import asyncio
import json
import os
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from portico.db import execute, new_id, now
from portico.errors import Unavailable
from portico.instances import valid_instance_url
from portico.settings.problems import BadSettings
from portico.settings.section import Secret
from portico.sockets.forwarding import forwarder, unix_socket
from portico.sockets.forwarding.forwarded_request import (
    FORWARDED_PATH,
    SEALED_HEADER,
    ForwardedRequest,
    RequestSigner,
    owner_of,
)
from portico.sockets.forwarding.forwarder import OTHER_MACHINE
from portico.sockets.forwarding.tunnel import encode_message, open_unix_tunnel
from portico.testing import (
    SECRET,
    Client,
    HandshakeRefused,
    InProcessApp,
    Response,
    SocketClosed,
    SocketIOClient,
    Transport,
)
from portico.testing.socket_io import PollingEngine
from portico.testing.websockets import Socket

POLLING = "/ws/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/ws/socket.io/?EIO=4&transport=websocket"
#: A request without a body, as it is sent through a tunnel.
REQUEST = encode_message({"type": "http.request", "body": b"", "more_body": False})
INVALID = {"detail": "Invalid session"}


@pytest.fixture
def other(app: InProcessApp, env: dict[str, str]) -> Iterator[InProcessApp]:
    another = InProcessApp(env)
    yield another
    another.close()


class Alternating:
    """A transport that sends each request to another application than the one before."""

    def __init__(self, *transports: Transport) -> None:
        self._transports = list(transports)

    def __call__(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> Response:
        self._transports.append(self._transports.pop(0))
        return self._transports[-1](method, target, headers, body)

    def connect(self, target: str, headers: list[tuple[str, str]]) -> Socket:
        raise NotImplementedError


def poll(client: Client, key: str, method: str = "GET", body: str = "", **options: Any) -> Response:
    given = {"body": body.encode()} if body else {}
    path = f"{POLLING}&sid={key}"
    return Client(client.transport).request(method, path, **given, **options)


def handshake(client: Client) -> str:
    """Open a connection by polling, and return its Engine.IO id."""
    answer = Client(client.transport).get(POLLING)
    return str(json.loads(answer.body[1:])["sid"])


def forwarded(app: InProcessApp) -> int:
    return app.portico.sockets.counts.since_start.forwarded


def test_polls_that_alternate_between_two_instances_lose_nothing(
    user: Client, app: InProcessApp, other: InProcessApp
) -> None:
    transport = Alternating(user.transport, other.client.transport)
    client = Client(transport, user.token, user.account)
    with client.connect_socket(transport="polling") as polling:
        joined = polling.call("user-join", {"auth": {"token": user.token}})
        assert joined == {"id": user.account["id"], "name": "Ben"}

        async def emit() -> None:
            for number in range(40):
                app.portico.sockets.emit_to_account(user.account["id"], "events", number)

        app.run(emit)
        assert [polling.wait_for("events") for _ in range(40)] == list(range(40))
    assert forwarded(other) >= 4
    assert forwarded(app) == 0


def test_upgrade_that_reaches_another_instance_carries_events_both_ways(
    user: Client, app: InProcessApp, other: InProcessApp
) -> None:
    key = handshake(user)
    poll(user, key, "POST", "40" + json.dumps({"token": user.token}))
    assert poll(other.client, key).body.startswith(b'40{"sid":')
    with other.client.websocket(f"{WEBSOCKET}&sid={key}") as upgraded:
        upgraded.send("2probe")
        assert upgraded.receive() == "3probe"
        assert poll(user, key).body == b"6"
        upgraded.send("5")
        upgraded.send('421["heartbeat",{}]')
        assert [upgraded.receive(), upgraded.receive()] == ["6", "431[]"]

        async def emit() -> None:
            app.portico.sockets.emit_to_account(user.account["id"], "events", "x" * 300_000)

        app.run(emit)
        assert upgraded.receive() == f'42["events","{"x" * 300_000}"]'
        assert poll(other.client, key).json == INVALID
    until(lambda: app.portico.sockets.counts.sockets == 0)


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_session_that_ends_closes_the_web_socket_on_another_instance(
    user: Client, other: InProcessApp
) -> None:
    key = handshake(user)
    poll(user, key, "POST", "40" + json.dumps({"token": user.token}))
    poll(user, key)
    with other.client.websocket(f"{WEBSOCKET}&sid={key}") as upgraded:
        upgraded.send("2probe")
        upgraded.receive()
        upgraded.send("5")
        upgraded.send('421["heartbeat",{}]')
        assert [upgraded.receive(), upgraded.receive()] == ["6", "431[]"]
        user.get("/api/v1/auths/signout")
        with pytest.raises(SocketClosed):
            upgraded.receive()


def test_limits_and_errors_are_those_of_the_owner(user: Client, other: InProcessApp) -> None:
    client = other.client
    key = handshake(user)
    too_large = poll(client, key, "POST", "4" + "x" * 1_000_001)
    assert (too_large.status, poll(user, key).json) == (413, INVALID)
    key = handshake(user)
    assert poll(client, key, "POST", "no packet").status == 400
    assert poll(user, key).json == INVALID
    key = handshake(user)
    assert poll(client, key, "PUT").json == INVALID
    assert poll(client, key, headers={"origin": "https://evil.example"}).status == 403
    assert poll(client, key, "POST", "40").body == b"ok"


def test_unknown_owner_and_unknown_connection_are_an_invalid_session(
    user: Client, app: InProcessApp, other: InProcessApp
) -> None:
    known = handshake(user)
    keys = [
        known[:-1] + ("A" if known[-1] != "A" else "B"),
        "0" * 36 + known[36:],
        f"{other.portico.instance.id}{known[36:]}",
        known[:36] + "." + "x" * 100,
        known[:36],
        "nonsense",
    ]
    for key in keys:
        assert (poll(other.client, key).status, poll(other.client, key).json) == (400, INVALID), key
        with pytest.raises(HandshakeRefused) as refused:
            other.client.websocket(f"{WEBSOCKET}&sid={key}")
        assert refused.value.answer.json == INVALID
    assert owner_of(known) == app.portico.instance.id


def test_owner_that_stops_is_an_invalid_session(
    user: Client, app: InProcessApp, env: dict[str, str]
) -> None:
    owner = InProcessApp(env)
    client = Client(owner.client.transport)
    key = handshake(client)
    path = Path(owner.portico.instance.socket_path)
    assert poll(user, key, "POST", "40").body == b"ok"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    owner.close()
    assert not path.exists()
    assert poll(user, key).json == INVALID


def test_owner_on_another_machine_without_a_url_is_named_in_the_answer(
    user: Client, app: InProcessApp, other: InProcessApp
) -> None:
    key = handshake(user)
    Path(app.portico.instance.socket_path).unlink()
    answer = poll(other.client, key)
    assert (answer.status, answer.json) == (400, {"detail": OTHER_MACHINE})


def test_polls_are_forwarded_while_the_database_is_unavailable(
    user: Client, other: InProcessApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(_: str) -> None:
        raise Unavailable

    known, unknown = handshake(user), f"{new_id()}.{'x' * 20}"
    assert poll(other.client, known, "POST", "40").body == b"ok"
    monkeypatch.setattr(forwarder, "find_address", unavailable)
    assert poll(other.client, known).body.startswith(b'40{"sid"')
    assert poll(other.client, unknown).status == 503


def test_instance_that_stops_has_waiting_polls_answered(
    user: Client, app: InProcessApp, env: dict[str, str]
) -> None:
    """The client sends the next poll to another instance, and its connection goes on."""
    stopping = InProcessApp(env)
    key = handshake(user)
    poll(user, key, "POST", "40")
    poll(user, key)

    async def ask() -> bytes:
        answer = await asyncio.to_thread(poll, Client(stopping.client.transport), key)
        return answer.body

    waiting = app.start(ask)
    until(lambda: forwarded(stopping) == 1)

    async def drain() -> None:
        stopping.portico.drain.start()

    stopping.run(drain)
    assert waiting.result(20) == b"6"
    stopping.close()
    assert poll(user, key, "POST", '421["heartbeat",{}]').body == b"ok"
    assert b"431" in poll(user, key).body


def request_of(key: str) -> ForwardedRequest:
    return ForwardedRequest("http", "GET", key, "127.0.0.1", b"12345678")


@pytest.mark.case("AB-62")
def test_request_that_is_forged_or_sent_again_is_refused(user: Client, app: InProcessApp) -> None:
    owner = app.portico.instance
    genuine = RequestSigner("0" * 36, Secret(SECRET))
    forger = RequestSigner("0" * 36, Secret("another-secret-of-another-server-0123456789"))
    key = handshake(user)
    poll(user, key, "POST", "40")

    async def answer(sealed: str) -> bytes | None:
        tunnel = await open_unix_tunnel(owner.socket_path, sealed)
        await tunnel.send(REQUEST)
        found = await tunnel.receive()
        await tunnel.close()
        return found

    sealed = genuine.seal(request_of(key), owner.id)
    assert b"http.response.start" in (app.run(answer, sealed) or b"")
    for refused in (
        sealed,
        genuine.seal(request_of(key), "1" * 36),
        forger.seal(request_of(key), owner.id),
        sealed[:-4] + "AAAA",
        "",
        "x" * 10_000,
    ):
        assert app.run(answer, refused) is None
        for headers in ({SEALED_HEADER: refused[:2000]}, {}):
            with pytest.raises(HandshakeRefused) as caught:
                user.websocket(FORWARDED_PATH, headers=headers)
            assert caught.value.answer.status in (403, 404)
    assert user.get(FORWARDED_PATH).status == 404


def answer_by_web_socket(app: InProcessApp, owner: InProcessApp, key: str) -> bytes:
    """Forward a poll to the URL of one application, as another machine does. Return the beginning of the answer."""
    signer = RequestSigner(new_id(), Secret(SECRET))
    sealed = signer.seal(request_of(key), owner.portico.instance.id)
    with app.client.websocket(FORWARDED_PATH, headers={SEALED_HEADER: sealed}) as tunnel:
        tunnel.send(REQUEST)
        answer = tunnel.receive()
        assert isinstance(answer, bytes)
        return answer


def test_request_of_another_machine_is_served_by_whichever_process_its_url_reaches(
    user: Client, app: InProcessApp, other: InProcessApp
) -> None:
    key = handshake(user)
    for reached, packet in ((app, "40"), (other, '421["heartbeat",{}]')):
        assert poll(user, key, "POST", packet).body == b"ok"
        assert b"http.response.start" in answer_by_web_socket(reached, app, key)
    other.close()
    with pytest.raises(HandshakeRefused) as refused:
        answer_by_web_socket(app, other, handshake(user))
    assert refused.value.answer.status == 404


def test_servers_on_several_machines_without_a_url_are_warned(
    app: InProcessApp, env: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    async def add(url: str) -> None:
        await execute(
            "INSERT INTO portico_instance (id, version, release, host, process, started_at, seen_at, newest_steps, "
            "tolerated_steps, url) VALUES ($1, '', '', 'far', 'boot pid:[1] 7 8', 0, $2, '{}', '{}', $3)",
            url,
            now() + 1000,
            url,
        )

    app.run(add, "")
    InProcessApp(env).close()
    assert "needs server.instance_url on each of them" in capfd.readouterr().err
    app.run(add, "http://10.0.0.5:8080")
    InProcessApp(env).close()
    assert "needs server.instance_url" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "url",
    ["10.0.0.5:8080", "ftp://a", "http://", "http://a/b", "http://a?b", "http://u@a", "http://a:x"],
)
def test_invalid_instance_url_is_refused(url: str) -> None:
    with pytest.raises(BadSettings, match="is not a valid URL; write it like http://10.0.0.5:8080"):
        valid_instance_url(url)
    assert valid_instance_url(" http://[::1]:8080/ ") == "http://[::1]:8080"


def test_request_is_not_passed_on_twice(
    user: Client, app: InProcessApp, other: InProcessApp
) -> None:
    """One for a third instance that arrives at the Unix socket of the second is refused there."""
    key = handshake(user)
    sealed = RequestSigner("0" * 36, Secret(SECRET)).seal(request_of(key), app.portico.instance.id)

    async def answer() -> bytes | None:
        tunnel = await open_unix_tunnel(other.portico.instance.socket_path, sealed)
        found = await tunnel.receive()
        await tunnel.close()
        return found

    assert other.run(answer) is None


def test_body_that_is_cut_off_on_the_way_is_not_handled(user: Client, app: InProcessApp) -> None:
    owner = app.portico.instance
    signer = RequestSigner("0" * 36, Secret(SECRET))
    key = handshake(user)
    request = ForwardedRequest("http", "POST", key, "127.0.0.1", b"12345678")

    async def cut() -> None:
        tunnel = await open_unix_tunnel(owner.socket_path, signer.seal(request, owner.id))
        begun = {"type": "http.request", "body": b"40", "more_body": True}
        await tunnel.send(encode_message(begun))
        tunnel._writer.write_eof()
        assert await tunnel.receive() is None
        await tunnel.close()

    app.run(cut)
    assert poll(user, key, "POST", "40").body == b"ok"
    assert poll(user, key).body.count(b'40{"sid"') == 1


def test_sockets_left_behind_by_killed_processes_are_removed(tmp_path: Path) -> None:
    left, alive, fresh = tmp_path / "left", tmp_path / "alive", tmp_path / "fresh"
    with socket.socket(socket.AF_UNIX) as listening:
        for path in (left, fresh):
            with socket.socket(socket.AF_UNIX) as ended:
                ended.bind(str(path))
        listening.bind(str(alive))
        listening.listen()
        (tmp_path / "file").touch()
        for path in (left, alive, tmp_path / "file"):
            os.utime(path, (1, 1))
        unix_socket.remove_abandoned(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"alive", "fresh", "file"}


def test_process_that_starts_causes_no_line_in_the_logs_of_others(
    app: InProcessApp, capfd: pytest.CaptureFixture[str]
) -> None:
    path = Path(app.portico.instance.socket_path)
    os.utime(path, (1, 1))
    unix_socket.remove_abandoned(path.parent)
    assert path.is_socket()

    async def answer() -> bytes | None:
        tunnel = await open_unix_tunnel(str(path), "forged")
        found = await tunnel.receive()
        await tunnel.close()
        return found

    assert app.run(answer) is None  # later than the look
    assert capfd.readouterr().err.count("forwarded request refused") == 1


def test_directory_that_others_may_use_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    base = Path(tempfile.mkdtemp())  # a short path
    monkeypatch.setattr(unix_socket.tempfile, "gettempdir", lambda: str(base))
    shared = base / f"portico-{os.geteuid()}"
    shared.mkdir()
    shared.chmod(0o777)
    listening, path = unix_socket.listening_socket()
    listening.close()
    assert path.parent.parent == base
    assert path.parent != shared
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    shutil.rmtree(base)


def test_client_connects_by_polling_through_another_instance(
    user: Client, other: InProcessApp
) -> None:
    there = Client(other.client.transport, user.token)
    assert isinstance(SocketIOClient(PollingEngine(there, {}), {"token": user.token}).id, str)
