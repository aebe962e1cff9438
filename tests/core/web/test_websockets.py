"""Web sockets of plugins: authorization and errors, in this process and over a real port."""

import socket as sockets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.one_database import on_sqlite

from portico.testing import Client, HandshakeRefused, InProcessApp, ServerProcess, SocketClosed

SOURCE = """
    from typing import Annotated
    from portico.api import Forbidden, PluginInfo, hookimpl
    from portico.api.db import fetch_one
    from portico.api.web import Socket, get, websocket
    from litestar.params import PathParameter

    PLUGIN = PluginInfo(api_version=1, summary="Has web sockets.")

    @websocket("/api/x/live/echo")
    async def echo(socket: Socket) -> None:
        await socket.accept()
        async for text in socket.iter_data():
            await socket.send_text(f"{socket.user.name}: {text}")

    @websocket("/api/x/live/open", access="public")
    async def public(socket: Socket) -> None:
        await socket.accept()
        await socket.send_text("hello" if socket.user is None else "?")

    @websocket("/api/x/live/admins", access="admin")
    async def admins(socket: Socket) -> None:
        await socket.accept()

    @websocket("/api/x/live/writers", requires="account:write")
    async def writers(socket: Socket) -> None:
        await socket.accept()

    @websocket("/api/x/live/authors", permission="workspace.models")
    async def authors(socket: Socket) -> None:
        await socket.accept()

    @websocket("/api/x/live/count")
    async def count(socket: Socket) -> None:
        await socket.accept()
        found = await fetch_one("SELECT COUNT(*) AS n FROM portico_account")
        await socket.send_text(str(found["n"]))

    @websocket("/api/x/live/rooms/{number:int}")
    async def room(socket: Socket, number: Annotated[int, PathParameter(description="n")]) -> None:
        if number == 1:
            raise Forbidden("Not this one")
        await socket.accept()
        if number == 2:
            raise Forbidden("Not any more")
        if number == 3:
            raise RuntimeError("a secret")
        await socket.send_text(str(number))
        await socket.close(4999, "enough")

    @websocket("/api/x/live/shy")
    async def shy(socket: Socket) -> None:
        await socket.close(4001, "Not today")

    @websocket("/api/x/live/broken")
    async def broken(socket: Socket) -> None:
        raise RuntimeError("a secret")

    @get("/api/x/live/echo")
    async def beside() -> str:
        return "a request may have the same path"

    @hookimpl
    def register_routes():
        return [
            echo, public, admins, writers, authors, count, room, shy, broken, beside
        ]
"""
ECHO = "/api/x/live/echo"
EVIL = [
    "https://evil.example",
    "null",
    "",
    "http://testserver.evil.example",
    "http://testserverXexample",
    "https://good.example.evil.com",
    "https://goodXexample",
    "http://good.example",
    "https://good.example:8443",
    "https://good.example/",
]


@pytest.fixture(autouse=True)
def live(install: Callable[..., None]) -> None:
    install("live", SOURCE)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"CORS_ALLOW_ORIGIN": "https://good.example"}


def by_cookie(client: Client, **headers: str) -> tuple[Client, dict[str, str]]:
    return Client(client.transport), {"cookie": f"token={client.token}", **headers}


def refusal(client: Client, path: str, **options: Any) -> tuple[int, Any]:
    with pytest.raises(HandshakeRefused) as caught:
        client.websocket(path, **options)
    answer = caught.value.answer
    assert answer.headers["x-request-id"]
    return answer.status, answer.detail


def test_signed_in_user_opens_socket(user: Client) -> None:
    with user.websocket(ECHO) as socket:
        for text in ("hi", "there"):
            socket.send(text)
            assert socket.receive() == f"Ben: {text}"


@pytest.mark.case("AB-63")
def test_socket_without_valid_session_is_refused(admin: Client) -> None:
    pending = admin.add_user("Pia", role="pending")
    anonymous = Client(admin.transport)
    assert refusal(anonymous, ECHO) == (401, "Not authenticated")
    assert refusal(pending, ECHO)[0] == 403
    for value in ("Bearer junk", f"Bearer {admin.token}x", "Bearer [1]", "Basic Zm9v"):
        assert refusal(anonymous, ECHO, headers={"authorization": value})[0] == 401
    key = {"authorization": "Bearer sk-0123456789abcdef"}
    assert refusal(anonymous, ECHO, headers=key)[0] in (401, 403)  # API keys may be disabled
    admin.get("/api/v1/auths/signout")
    assert refusal(admin, ECHO)[0] == 401


def test_socket_access_options_work_as_for_routes(admin: Client) -> None:
    ben = admin.add_user("Ben")
    for path in ("admins", "writers", "authors"):
        assert refusal(ben, f"/api/x/live/{path}")[0] == 403
        admin.websocket(f"/api/x/live/{path}").close()
    with Client(admin.transport).websocket("/api/x/live/open") as socket:
        assert socket.receive() == "hello"


def test_socket_handler_has_the_database(user: Client) -> None:
    with user.websocket("/api/x/live/count") as socket:
        assert socket.receive() == "2"
        with pytest.raises(SocketClosed) as caught:
            socket.receive()
        assert caught.value.code == 1000


@on_sqlite
@pytest.mark.parametrize("origin", EVIL)
@pytest.mark.case("AB-66")
def test_cross_site_page_gets_no_socket(admin: Client, origin: str) -> None:
    browser, cookie = by_cookie(admin)
    assert refusal(browser, ECHO, headers=cookie | {"origin": origin})[0] == 403
    assert refusal(admin, ECHO, headers={"origin": origin})[0] == 403
    assert refusal(browser, "/api/x/live/open", headers={"origin": origin})[0] == 403


@pytest.mark.case("AB-66")
def test_cookie_without_origin_gets_no_socket(admin: Client) -> None:
    browser, cookie = by_cookie(admin)
    assert refusal(browser, ECHO, headers=cookie)[0] == 403
    assert refusal(browser, ECHO, headers=cookie | {"sec-fetch-site": "cross-site"})[0] == 403


@pytest.mark.parametrize("origin", ["http://testserver", "https://good.example"])
def test_trusted_origins_get_a_socket(admin: Client, origin: str) -> None:
    browser, cookie = by_cookie(admin, origin=origin)
    with browser.websocket(ECHO, headers=cookie) as socket:
        socket.send("x")
        assert socket.receive() == "Ada: x"


def test_socket_errors_close_with_code_and_no_details(
    user: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(number: int) -> tuple[int, str]:
        with user.websocket(f"/api/x/live/rooms/{number}") as socket:
            if number > 3:
                assert socket.receive() == str(number)
            with pytest.raises(SocketClosed) as caught:
                socket.receive()
        return caught.value.code, caught.value.reason

    assert refusal(user, "/api/x/live/rooms/1") == (403, "Not this one")
    assert closed(2) == (4403, "Not any more")
    assert closed(3) == (1011, "Internal Server Error")
    assert closed(4) == (4999, "enough")
    assert refusal(user, "/api/x/live/broken") == (500, "Internal Server Error")
    assert refusal(user, "/api/x/live/shy") == (403, "Not today")
    assert refusal(user, "/api/x/live/rooms/x")[0] == 422
    assert refusal(user, "/api/x/live/nowhere") == (404, "Not Found")
    assert refusal(user, "/api/v1/auths/")[0] == 404
    log_text = capsys.readouterr().err
    assert "a secret" not in log_text and log_text.count("request failed") == 2


def test_socket_and_request_share_a_path(user: Client, app: InProcessApp) -> None:
    assert user.get(ECHO).status == 200
    record = app.portico.registry["live"]
    assert "WEBSOCKET /api/x/live/echo" in record.provides["routes"]
    assert "GET /api/x/live/echo" in record.provides["routes"]
    found = next(c for c in app.portico.contributions if c.plugin_name == "live")
    assert found.router.public_paths == ["/api/x/live/open"]


def test_two_sockets_at_one_path_conflict(
    install: Callable[..., None], env: dict[str, str]
) -> None:
    install(
        "other",
        """
        from portico.api import PluginInfo, hookimpl
        from portico.api.web import Socket, websocket

        PLUGIN = PluginInfo(api_version=1, summary="Has another web socket.", route_prefixes=("/api/x/live",))

        @websocket("/api/x/live/echo")
        async def echo(socket: Socket) -> None:
            await socket.accept()

        @hookimpl
        def register_routes():
            return [echo]
        """,
    )
    app = InProcessApp(env | {"PORTICO_STRICT": "false"})
    try:
        failed = {
            record.name: record.reason.partition(";")[0] for record in app.portico.registry.failed
        }
        assert failed == {"other": "route WEBSOCKET /api/x/live/echo belongs to 'live' already"}
    finally:
        app.close()


@on_sqlite
class TestOverPort:
    @pytest.fixture
    def env(self, env: dict[str, str], tmp_path: Any) -> dict[str, str]:
        return env | {"PYTHONPATH": str(tmp_path / "site")}

    @pytest.fixture
    def ada(self, server: ServerProcess) -> Client:
        return server.client.sign_up("Ada")

    def test_sockets_work_over_a_port(self, server: ServerProcess, ada: Client) -> None:
        with ada.websocket(ECHO) as socket:
            socket.send("hi")
            assert socket.receive() == "Ada: hi"
        assert refusal(server.client, ECHO) == (401, "Not authenticated")
        browser, cookie = by_cookie(ada, origin=server.url)
        browser.websocket(ECHO, headers=cookie).close()
        for origin in EVIL[:-3]:
            assert refusal(browser, ECHO, headers=cookie | {"origin": origin})[0] == 403
        assert refusal(ada, "/api/x/live/nowhere")[0] == 404
        with ada.websocket("/api/x/live/rooms/2") as socket, pytest.raises(SocketClosed) as caught:
            socket.receive()
        assert (caught.value.code, caught.value.reason) == (4403, "Not any more")

    @pytest.mark.case("AB-67")
    def test_invalid_handshakes_are_refused(self, server: ServerProcess, ada: Client) -> None:
        address = urlsplit(server.url)
        assert server.process is not None
        before = children(server.process.pid)
        good = (
            f"GET {ECHO} HTTP/1.1\r\nhost: {address.netloc}\r\nauthorization: Bearer {ada.token}\r\n"
            "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
        ).encode()
        key = b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        bad = [
            key + b"sec-websocket-protocol: \xff\xfe\r\n",
            key + b"sec-websocket-protocol: a\xc3\xa9\r\n",
            b"",
            b"sec-websocket-key:\r\n",
            key.replace(b": ", b": \x00"),
        ]
        for headers in bad * 20:
            with sockets.create_connection(
                (address.hostname, address.port), timeout=10
            ) as connection:
                connection.sendall(good + headers + b"\r\n")
                assert connection.recv(100).startswith(b"HTTP/1.1 400")
        assert children(server.process.pid) == before
        with ada.websocket(ECHO) as socket:
            socket.send("still here")
            assert socket.receive() == "Ada: still here"


def children(pid: int) -> list[str]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return file.read().split()
