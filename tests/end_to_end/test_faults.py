"""What is still true after something broke: processes killed, told to stop, started together."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.end_to_end.kill_processes import acknowledged_under_kill_9
from tests.engines import connect
from tests.upstream import Upstream

from portico.testing import Client, HTTPTransport, InProcessApp, ServerProcess

pytestmark = pytest.mark.timeout(180)
Servers = Callable[..., ServerProcess]
#: For tests of which nothing is about the database.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ASK = {"stream": True, "messages": [{"role": "user", "content": "hi"}]}


class Streaming(threading.Thread):
    """A client that reads a stream to its end, in the background."""

    def __init__(self, client: Client, model: str) -> None:
        super().__init__(daemon=True)
        transport = client.transport
        assert isinstance(transport, HTTPTransport)
        where = urlsplit(transport.url)
        self.connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        body = f'{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"hi"}}]}}'
        self.connection.request(
            "POST", "/api/chat/completions", body, {"authorization": f"Bearer {client.token}"}
        )
        self.response = self.connection.getresponse()
        self.first = self.response.readline()
        self.text = b""
        self.start()

    def run(self) -> None:
        self.text = self.first + self.response.read()
        self.response.close()
        self.connection.close()


@pytest.mark.case("FT-01")
def test_acknowledged_chats_survive_kill_9(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")

    def write(number: int) -> tuple[str, str]:
        text = f"message {number}"
        document = {"title": text, "history": {"messages": {}, "currentId": None}}
        answer = ada.post("/api/v1/chats/new", {"chat": document})
        assert answer.status == 200, answer
        return answer.json["id"], text

    acknowledged = acknowledged_under_kill_9(server, write)
    found = {chat["id"]: chat["title"] for chat in ada.get("/api/v1/chats/").json}
    assert {id_: found.get(id_) for id_ in acknowledged} == acknowledged


@on_sqlite
@pytest.mark.case("FT-03")
def test_sigterm_lets_a_stream_finish_and_exits_with_0(
    server: ServerProcess, upstream: Upstream
) -> None:
    ada = server.client.sign_up("Ada")
    stream = Streaming(ada, "slow")
    assert server.stop() == 0
    stream.join()
    assert stream.text.endswith(b"data: [DONE]\n\n")
    assert b"interrupted" not in stream.text


@on_sqlite
@pytest.mark.case("FT-03")
def test_endless_stream_receives_a_final_event_after_the_shutdown_timeout(
    servers: Servers, upstream: Upstream
) -> None:
    server = servers(PORTICO_SERVER_SHUTDOWN_TIMEOUT="1").start()
    stream = Streaming(server.client.sign_up("Ada"), "endless")
    assert server.stop() == 0
    stream.join()
    assert b'"code":"interrupted"' in stream.text
    assert stream.text.endswith(b"data: [DONE]\n\n")
    upstream.wait_until_idle()


@on_sqlite
@pytest.mark.case("FT-23")
def test_client_disconnect_ends_the_upstream_request(
    server: ServerProcess, upstream: Upstream
) -> None:
    ada = server.client.sign_up("Ada")
    where = urlsplit(server.url)
    for model in ("endless", "silence", "silent") * 5:
        body = f'{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"hi"}}]}}'
        with socket.create_connection((where.hostname, where.port)) as connection:
            connection.sendall(
                f"POST /api/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ada.token}\r\n"
                f"content-length: {len(body)}\r\n\r\n{body}".encode()
            )
            deadline = time.monotonic() + 5
            while not upstream.open_calls:
                assert time.monotonic() < deadline, "the upstream was never asked"
                time.sleep(0.002)
        upstream.wait_until_idle()
    assert ada.complete("good", "hi")


@pytest.mark.case("FT-14")
def test_three_instances_on_an_empty_database_become_ready(
    env: dict[str, str], tmp_path: Path
) -> None:
    directories = [tmp_path / name for name in ("one", "two", "three")]
    for directory in directories:
        directory.mkdir()
    instances = [ServerProcess(env, directory) for directory in directories]
    starting = [threading.Thread(target=instance.start) for instance in instances]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join()
    try:
        ada = instances[0].client.sign_up("Ada")
        for instance in instances:
            assert instance.client.get("/ready").json == {"status": True, "reasons": []}
            assert Client(instance.client.transport, ada.token).get("/api/v1/auths/").status == 200
    finally:
        for instance in instances:
            instance.kill()


def test_revoked_session_ends_here_immediately_and_everywhere_within_a_second(
    two_apps: tuple[InProcessApp, InProcessApp],
) -> None:
    one, other = two_apps
    ada = one.client.sign_up("Ada")
    elsewhere = Client(other.client.transport, ada.token)
    assert elsewhere.get("/api/v1/auths/").status == 200
    ada.get("/api/v1/auths/signout")
    assert ada.get("/api/v1/auths/").status == 401
    deadline = time.monotonic() + 10  # a second is promised; the machine may be busy
    while elsewhere.get("/api/v1/auths/").status != 401:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.case("FT-12")
@on_sqlite  # one lock for all writers
def test_reads_continue_while_another_process_holds_the_write_lock(
    servers: Servers, env: dict[str, str]
) -> None:
    server = servers(PORTICO_DATABASE_SQLITE_BUSY_TIMEOUT="0.3").start()
    ada = server.client.sign_up("Ada")
    document = {"chat": {"title": "x"}}
    with closing(connect(f"{env['DATA_DIR']}/portico.db")) as lock:
        lock.execute("BEGIN IMMEDIATE")
        refused = ada.post("/api/v1/chats/new", document)
        assert (refused.status, refused.detail) == (503, "Service temporarily unavailable")
        assert ada.get("/api/v1/auths/").status == 200
        assert ada.get("/api/v1/chats/").json == []
        lock.execute("ROLLBACK")
    assert ada.post("/api/v1/chats/new", document).status == 200
    assert len(ada.get("/api/v1/chats/").json) == 1


@on_sqlite
@pytest.mark.case("AB-84")
@pytest.mark.parametrize(
    ("settings", "options", "expected"),
    [
        ({"WEBUI_SECRET_KEY": "changeme"}, (), "changeme"),
        ({"WEBUI_SECRET_KEY": "8 bytes!"}, (), "at least 32"),
        ({"PORTICO_SERVER_MAX_JSON_DEPTH": "deep"}, (), "expected an integer from 8 to 900"),
        ({"PORTICO_SERVER_PROT": "1"}, (), "there is no such setting; did you mean PORT"),
        ({"DATABASE_URL": "mysql://x/y"}, ("--workers", "3"), "mysql"),
        ({"DATABASE_URL": "mysql://x/y"}, (), "mysql"),
        (
            {"DATABASE_URL": "postgresql://u:s3cr3t@127.0.0.1:1/x"},
            (),
            "postgresql://u:********@127.0.0.1:1/x does not answer",
        ),
        ({"DATA_DIR": "/proc/nowhere", "WEBUI_SECRET_KEY": ""}, (), "/proc/nowhere"),
        ({"PORTICO_PLUGINS_DISABLE": "accounts"}, (), "plugin 'accounts' is required and disabled"),
    ],
)
def test_start_with_contradictory_settings_is_refused_with_a_reason(
    servers: Servers, settings: dict[str, str], options: tuple[str, ...], expected: str
) -> None:
    with pytest.raises(RuntimeError) as refused:
        servers(**settings).start(*options)
    said = str(refused.value)
    assert "Traceback" not in said
    assert said.count("Portico cannot") == 1
    if expected == "changeme":
        assert "changeme" not in said
        assert "WEBUI_SECRET_KEY" in said
    else:
        assert expected in said


@on_sqlite
@pytest.mark.case("AB-84")
def test_missing_secret_key_is_created_with_mode_0600(
    servers: Servers, env: dict[str, str]
) -> None:
    server = servers()
    del server.environment["WEBUI_SECRET_KEY"]
    ada = server.start().client.sign_up("Ada")
    key = Path(env["DATA_DIR"]) / "secret_key"
    assert key.stat().st_mode & 0o777 == 0o600
    server.stop()
    server.start()
    assert Client(server.client.transport, ada.token).get("/api/v1/auths/").status == 200


@pytest.mark.case("AB-84")
def test_instance_with_another_secret_key_reports_the_mismatch(servers: Servers) -> None:
    servers().start()
    with pytest.raises(RuntimeError, match="the database was used with another secret key"):
        servers(WEBUI_SECRET_KEY="quite-another-secret-0987654321-zyxwvuts").start()


@on_sqlite
def test_port_in_use_is_reported(servers: Servers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = servers()
        done = subprocess.run(
            [sys.executable, "-m", "portico", "serve", "--port", str(taken.getsockname()[1])],
            env=server.environment,
            cwd=server.directory,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


@on_sqlite
def test_worker_that_dies_is_replaced(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")
    assert server.process is not None
    main = server.process.pid
    children = Path(f"/proc/{main}/task/{main}/children")
    worker = int(children.read_text().split()[0])
    os.kill(worker, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while True:
        try:
            if ada.get("/api/v1/auths/").status == 200:
                break
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert int(children.read_text().split()[0]) != worker
