"""Handshakes of Socket.IO: origins, transports, malformed requests, limits, and the switch for web sockets."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.boot import Application
from portico.testing import Client, ConnectRefused, HandshakeRefused, InProcessApp
from portico.testing.response import Response

POLLING = "/ws/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/ws/socket.io/?EIO=4&transport=websocket"
FOREIGN = [
    "https://evil.example",
    "null",
    "",
    "http://testserver.evil.example",
    "https://good.example.evil.com",
    "https://goodXexample",
    "http://good.example",
]


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"CORS_ALLOW_ORIGIN": "https://good.example"}


def poll(client: Client, path: str = POLLING, method: str = "GET", **options: Any) -> Response:
    return Client(client.transport).request(method, path, **options)


def refusal(client: Client, path: str = WEBSOCKET, **options: Any) -> Response:
    with pytest.raises(HandshakeRefused) as caught:
        Client(client.transport).websocket(path, **options)
    return caught.value.answer


@pytest.mark.case("AB-66")
def test_page_of_another_site_is_refused_over_both_transports(user: Client) -> None:
    for origin in FOREIGN:
        headers = {"origin": origin, "cookie": f"token={user.token}"}
        assert refusal(user, headers=headers).status == 403, origin
        assert poll(user, headers=headers).status == 403, origin
    assert poll(user, headers={"sec-fetch-site": "cross-site"}).status == 403


def test_trusted_page_and_program_are_served_over_both_transports(client: Client) -> None:
    for headers in ({"origin": "https://good.example"}, {"origin": "http://testserver"}, {}):
        assert poll(client, headers=headers).status == 200
        Client(client.transport).websocket(WEBSOCKET, headers=headers).close()


def test_response_to_a_poll_has_the_cors_headers_of_the_listed_origin(client: Client) -> None:
    answer = poll(client, headers={"origin": "https://good.example"})
    assert answer.headers["access-control-allow-origin"] == "https://good.example"
    assert answer.headers["cache-control"] == "no-store"


def test_cookie_signs_no_account_in(user: Client) -> None:
    headers = {"cookie": f"token={user.token}", "authorization": f"Bearer {user.token}"}
    with user.connect_socket(None, headers=headers) as socket:
        assert socket.call("heartbeat", {}) == {"error": "Not authenticated"}


def test_transport_websocket_without_an_upgrade_is_answered_with_400(client: Client) -> None:
    for path in (WEBSOCKET, WEBSOCKET.replace("io/", "io")):
        answer = poll(client, path)
        assert (answer.status, answer.json) == (
            400,
            {"detail": "Invalid WebSocket upgrade request"},
        )


@pytest.mark.case("AB-67")
@pytest.mark.parametrize(
    "query",
    [
        "",
        "transport=polling",
        "EIO=3&transport=polling",
        "EIO=4&EIO=4&transport=polling",
        "EIO=4&transport=flashsocket",
        "EIO=4&transport=polling&j=0",
        "EIO=4&transport=polling&sid=unknown",
        "EIO=4&transport=polling&sid=a&sid=b",
        "EIO=4&transport=polling&sid=%00%ff",
        "EIO=4&transport=polling&" + "&".join("a=1" for _ in range(500)),
    ],
)
def test_malformed_query_is_answered_with_400(client: Client, query: str) -> None:
    for method in ("GET", "POST"):
        assert poll(client, f"/ws/socket.io/?{query}", method).status == 400
    assert refusal(client, f"/ws/socket.io/?{query}".replace("polling", "websocket")).status == 400


@pytest.mark.case("AB-67")
def test_malformed_headers_of_a_web_socket_are_answered_with_400(client: Client) -> None:
    for headers in ({"sec-websocket-protocol": "ä"}, {"sec-websocket-key": "short"}):
        assert refusal(client, headers=headers).status == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS"])
def test_other_methods_are_refused(client: Client, method: str) -> None:
    opened = open_polling(client)
    assert poll(client, POLLING, method).status == 400
    assert poll(client, f"{POLLING}&sid={opened['sid']}", method).status == 400


def open_polling(client: Client) -> dict[str, Any]:
    opened: dict[str, Any] = json.loads(poll(client).body[1:])
    return opened


def test_open_packet_has_the_limits_of_the_settings(client: Client) -> None:
    opened = open_polling(client)
    assert opened["upgrades"] == ["websocket"]
    assert opened["pingInterval"] == 25000
    assert opened["pingTimeout"] == 20000
    assert opened["maxPayload"] == 1_000_000


@pytest.mark.case("AB-64")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"4",
        b"9",
        b"7\x1e40",
        b"\xff",
        b"4" + b"[" * 5000,
        b"451-[]",
        b"bAAAA",
        b"d=40",
        b"40\x1e" * 100,
        b"42" + b"1" * 1_000_000,
        b"2",
        b"5" * 10,
    ],
)
def test_malformed_body_ends_the_connection_and_no_other(client: Client, body: bytes) -> None:
    other, ours = open_polling(client)["sid"], open_polling(client)["sid"]
    answer = poll(client, f"{POLLING}&sid={ours}", "POST", body=body)
    assert answer.status in {200, 400, 413}
    if answer.status != 200:
        assert poll(client, f"{POLLING}&sid={ours}", "POST", body=b"40").status == 400
    assert poll(client, f"{POLLING}&sid={other}", "POST", body=b"40").status == 200
    assert poll(client, f"{POLLING}&sid={other}").body.startswith(b"40{")


def test_websocket_can_be_switched_off(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env | {"ENABLE_WEBSOCKET_SUPPORT": "false"}, complete_schema)
    try:
        admin = app.client.sign_up("Ada")
        assert admin.get("/api/config").json["features"]["enable_websocket"] is False
        assert open_polling(admin)["upgrades"] == []
        assert refusal(admin).detail == poll(admin, WEBSOCKET).detail == "Invalid transport"
        with admin.connect_socket(transport="polling") as socket:
            assert socket.call("heartbeat", {}) is None
    finally:
        app.close()


def test_limits_of_connections_are_enforced(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    limits = {
        "PORTICO_SOCKETS_MAX_ANONYMOUS_PER_ADDRESS": "3",
        "PORTICO_SOCKETS_MAX_SOCKETS_PER_ACCOUNT": "2",
        "PORTICO_SOCKETS_MAX_SOCKETS": "6",
    }
    app = InProcessApp(env | limits, complete_schema)
    try:
        admin = app.client.sign_up("Ada")
        signed_in = [admin.connect_socket() for _ in range(2)]
        third = admin.connect_socket(None)
        joined = third.call("user-join", {"auth": {"token": admin.token}})
        assert "Too many connections" in joined["error"]
        anonymous = [admin.connect_socket(None) for _ in range(2)]
        assert poll(admin).status == refusal(admin).status == 429
        assert poll(app.client_at("10.0.0.1")).status == 200
        assert poll(app.client_at("10.0.0.1")).status == 503
        signed_in.pop().close()
        assert third.call("user-join", {"auth": {"token": admin.token}})["name"] == "Ada"
        for socket in (*signed_in, *anonymous, third):
            socket.close()
    finally:
        app.close()


def test_account_with_too_many_sockets_is_refused_at_connect(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env | {"PORTICO_SOCKETS_MAX_SOCKETS_PER_ACCOUNT": "1"}, complete_schema)
    try:
        admin = app.client.sign_up("Ada")
        with admin.connect_socket(), pytest.raises(ConnectRefused, match="Too many connections"):
            admin.connect_socket()
    finally:
        app.close()


def test_anonymous_socket_is_closed_after_its_time(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env | {"PORTICO_SOCKETS_SIGN_IN_TIMEOUT": "0.3"}, complete_schema)
    try:
        admin = app.client.sign_up("Ada")
        with admin.connect_socket() as signed_in:
            for transport in ("websocket", "polling"):
                anonymous = admin.connect_socket(None, transport=transport)
                anonymous.wait_until_closed()
            assert signed_in.call("heartbeat", {}) is None
    finally:
        app.close()


def test_failed_upgrade_leaves_the_polling_connection_as_it_was(user: Client) -> None:
    with user.connect_socket(transport="polling") as socket:
        path = f"{WEBSOCKET}&sid={socket.handshake['sid']}"
        for frames in ([], ["5"], ["2probe"], ["2probe", "2"]):
            with Client(user.transport).websocket(path) as upgrade:
                for frame in frames:
                    upgrade.send(frame)
        assert socket.call("heartbeat", {}) is None


def test_upgraded_connection_is_served_over_the_web_socket_alone(user: Client) -> None:
    socket = user.connect_socket(transport="polling")
    key = socket.handshake["sid"]
    with Client(user.transport).websocket(f"{WEBSOCKET}&sid={key}") as upgraded:
        upgraded.send("2probe")
        assert upgraded.receive() == "3probe"
        upgraded.send("5")
        upgraded.send('420["heartbeat",{}]')
        assert upgraded.receive() in {"6", "430[]"}
        assert poll(user, f"{POLLING}&sid={key}").status == 400
        assert poll(user, f"{POLLING}&sid={key}", "POST", body=b"40").status == 400
        assert refusal(user, f"{WEBSOCKET}&sid={key}").status == 400


def test_second_poll_at_the_same_time_is_refused(app: InProcessApp, user: Client) -> None:
    with user.connect_socket(transport="polling") as socket:
        path = f"{POLLING}&sid={socket.handshake['sid']}"
        with ThreadPoolExecutor() as threads:
            polls = [threads.submit(poll, user, path) for _ in range(2)]
            first = next(as_completed(polls)).result()
            assert (first.status, first.detail) == (400, "Invalid session")
            socket.emit("heartbeat", {})
            socket.engine.send('421["heartbeat",{}]')
        assert sorted(one.result().status for one in polls) == [200, 400]


def test_events_are_logged_by_name_without_their_contents(
    env: dict[str, str],
    capfd: pytest.CaptureFixture[str],
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(env | {"WEBSOCKET_SERVER_LOGGING": "true"}, complete_schema)
    try:
        admin = app.client.sign_up("Ada")
        with admin.connect_socket() as socket:
            socket.call("user-join", {"auth": {"token": admin.token}})
        log = capfd.readouterr().err
        assert '"user-join"' in log
        assert socket.id in log
        assert str(admin.token) not in log
    finally:
        app.close()
