"""Socket events of plugins: registration, payloads, access, and handlers that raise, hang or flood."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import Client, InProcessApp

SOURCE = """
    import asyncio
    import msgspec
    from portico.api import Forbidden, PluginInfo, hookimpl
    from portico.api.db import fetch_one
    from portico.api.sockets import SocketEvent

    PLUGIN = PluginInfo(api_version=1, summary="Has events.", socket_prefixes=("ydoc:", "join-note"))

    class Point(msgspec.Struct):
        x: int
        label: str = ""

    class Live:
        def __init__(self, app):
            self.app = app

        async def add(self, socket, point):
            return {"x": point.x + 1, "by": socket.actor.name, "socket": socket.id}

        async def count(self, socket, _):
            return (await fetch_one("SELECT COUNT(*) AS n FROM portico_account"))["n"]

        async def refuse(self, socket, _):
            raise Forbidden("Not this one")

        async def fail(self, socket, _):
            raise RuntimeError("a secret")

        async def hang(self, socket, _):
            await asyncio.sleep(3600)

        async def odd(self, socket, _):
            return object()

        async def flood(self, socket, _):
            for number in range(100_000):
                self.app.sockets.emit_to_account(socket.actor.id, "flood", "x" * 1000)

        async def enter(self, socket, room):
            self.app.sockets.join(socket.id, "live:" + room)

        async def say(self, socket, text):
            self.app.sockets.emit_to_room("live:a", "said", text)

        async def leave(self, socket, room):
            self.app.sockets.leave(socket.id, "live:" + room)

    @hookimpl
    def register_components(app):
        return Live(app)

    @hookimpl
    def register_socket_events(plugin):
        return [
            SocketEvent("live:add", Point, plugin.add),
            SocketEvent("live:count", None, plugin.count),
            SocketEvent("live:admins", None, plugin.count, access="admin"),
            SocketEvent("live:refuse", None, plugin.refuse),
            SocketEvent("live:fail", None, plugin.fail),
            SocketEvent("live:hang", None, plugin.hang),
            SocketEvent("live:odd", None, plugin.odd),
            SocketEvent("live:flood", None, plugin.flood),
            SocketEvent("live:enter", str, plugin.enter),
            SocketEvent("live:say", str, plugin.say),
            SocketEvent("live:leave", str, plugin.leave),
            SocketEvent("ydoc:state", None, plugin.count),
            SocketEvent("join-note", None, plugin.count),
        ]
"""


@pytest.fixture(autouse=True)
def live(install: Callable[..., None]) -> None:
    install("live", SOURCE)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_SOCKETS_HANDLER_TIMEOUT": "0.2"}


def test_handler_gets_the_payload_and_the_actor_and_its_answer_is_acknowledged(
    user: Client,
) -> None:
    with user.connect_socket() as socket:
        answer = socket.call("live:add", {"x": 1, "more": True})
        assert answer == {"x": 2, "by": "Ben", "socket": socket.id}
        assert socket.call("live:count") == 2  # the database of the application
        assert socket.call("ydoc:state") == socket.call("join-note") == 2


def test_event_for_administrators_is_refused_to_others(admin: Client, user: Client) -> None:
    with admin.connect_socket() as ours, user.connect_socket() as theirs:
        assert ours.call("live:admins") == 2
        assert "permission" in theirs.call("live:admins")["error"]


def test_promoted_account_gets_its_rights_on_the_open_socket(admin: Client, user: Client) -> None:
    with user.connect_socket() as socket:
        assert "error" in socket.call("live:admins")
        changed = {**user.account, "role": "admin"}
        assert admin.post(f"/api/v1/users/{user.account['id']}/update", changed).status == 200
        assert socket.call("live:admins") == 2


@pytest.mark.case("AB-07")
def test_demoted_administrator_loses_its_rights_on_the_open_socket(admin: Client) -> None:
    other = admin.add_user("Zoe", role="admin")
    socket = other.connect_socket()
    assert socket.call("live:admins") == 2
    changed = {**other.account, "role": "user"}
    assert admin.post(f"/api/v1/users/{other.account['id']}/update", changed).status == 200
    socket.wait_until_closed()
    with other.sign_in("Zoe").connect_socket() as again:
        assert "permission" in again.call("live:admins")["error"]


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ("live:refuse", "Not this one"),
        ("live:fail", "Internal Server Error"),
        ("live:hang", "The event took too long."),
        ("live:odd", "Internal Server Error"),
    ],
)
def test_failing_handler_is_answered_with_an_error_and_named_in_the_log(
    admin: Client, user: Client, capfd: pytest.CaptureFixture[str], event: str, error: str
) -> None:
    with user.connect_socket() as socket, admin.connect_socket() as other:
        assert socket.call(event) == {"error": error}
        assert socket.call("live:add", {"x": 1})["x"] == other.call("live:add", {"x": 1})["x"] == 2
    log = capfd.readouterr().err
    assert event == "live:refuse" or event in log
    assert event in {"live:refuse", "live:odd"} or '"plugin": "live"' in log
    assert "a secret" not in log


def test_flooding_plugin_closes_the_flooded_socket_and_no_other(
    app: InProcessApp, admin: Client, user: Client
) -> None:
    with admin.connect_socket() as other:
        flooded = user.connect_socket()
        flooded.emit("live:flood")
        flooded.wait_until_closed()
        assert other.call("live:add", {"x": 1})["x"] == 2
        assert app.portico.sockets.counts.since_start.dropped == 1


def test_event_to_a_room_reaches_its_sockets_only(admin: Client, user: Client) -> None:
    with user.connect_socket() as inside, user.connect_socket() as outside:
        inside.call("live:enter", "a")
        outside.call("live:enter", "b")
        outside.call("live:say", "hi")
        assert inside.events() == [("said", "hi")]
        assert outside.events() == []
        inside.call("live:leave", "a")
        outside.call("live:say", "there")
        assert inside.events() == []


@pytest.mark.case("AB-64")
@pytest.mark.parametrize(
    "payload",
    [[], [None], [1], [[]], [{}], [{"x": None}], [{"x": "1"}], ["\x00"]],
)
def test_payload_that_does_not_fit_is_answered_with_an_error(
    user: Client, payload: list[Any]
) -> None:
    with user.connect_socket() as socket:
        assert set(socket.call("live:add", *payload)) == {"error"}
        assert socket.call("live:add", {"x": 1})["x"] == 2


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ('"other:event"', "must be named bad:"),
        ('"user-join"', "must be named bad:"),
        ('"join-note"', "must be named bad:"),
        ('"bad:one", "bad:one"', "twice"),
        ('"live:add"', "must be named bad:"),
    ],
)
def test_plugin_with_an_event_name_that_is_not_its_own_fails(
    install: Callable[..., None], env: dict[str, str], names: str, reason: str
) -> None:
    install(
        "bad",
        f"""
        from portico.api import PluginInfo, hookimpl
        from portico.api.sockets import SocketEvent

        PLUGIN = PluginInfo(api_version=1, summary="Bad.")

        @hookimpl
        def register_socket_events():
            async def handle(socket, payload): ...
            return [SocketEvent(name, None, handle) for name in ({names},)]
        """,
    )
    app = InProcessApp(env | {"PORTICO_STRICT": "false"})
    try:
        assert reason in app.portico.registry["bad"].reason
    finally:
        app.close()
