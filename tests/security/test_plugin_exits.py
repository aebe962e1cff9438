"""Handlers of plugins that raise what is no `Exception`: a response like any other error's, and the server goes on."""

import json
from collections.abc import Callable

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import InProcessApp, SocketClosed

SOURCE = """
import asyncio
from litestar import Response, WebSocket
from litestar.params import FromPath
from litestar.response import Stream
from portico.api import PluginInfo, hookimpl
from portico.api.web import Fallback, get, websocket

PLUGIN = PluginInfo(api_version=1, summary="", route_prefixes=("/pages",))

class Odd(BaseException):
    pass

ERRORS = {e.__name__: e for e in (SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, Odd, KeyError)}

def fail(kind):
    raise ERRORS[kind]

@hookimpl
def register_routes():
    @get("/api/x/exits/plain/{kind:str}", access="public")
    async def plain(kind: FromPath[str]) -> str:
        fail(kind)

    @get("/api/x/exits/stream/{kind:str}", access="public")
    async def stream(kind: FromPath[str]) -> Stream:
        async def parts():
            yield b"first"
            fail(kind)
        return Stream(parts())

    @websocket("/api/x/exits/socket/{kind:str}", access="public")
    async def socket(socket: WebSocket, kind: FromPath[str]) -> None:
        await socket.accept()
        fail(kind)

    return [plain, stream, socket]

@hookimpl
def register_fallbacks():
    async def respond(scope, path):
        fail(path)
    return [Fallback("/pages", respond)]
"""
KINDS = ("SystemExit", "KeyboardInterrupt", "GeneratorExit", "CancelledError", "Odd", "KeyError")
LINE = (
    next(number for number, line in enumerate(SOURCE.splitlines(), 1) if "raise ERRORS" in line) - 1
)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_LOG_FORMAT": "json"}


@pytest.fixture(autouse=True)
def exits(install: Callable[..., None]) -> None:
    install("exits", SOURCE.strip())


@pytest.mark.case("AB-73")
def test_plugin_that_exits_fails_its_own_request_only(
    app: InProcessApp, capsys: pytest.CaptureFixture[str]
) -> None:
    def failures() -> list[tuple[str, ...]]:
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        keys = ("plugin", "method", "route", "error", "at")
        return [tuple(e[k] for k in keys) for e in lines if e["event"] == "request failed"]

    anonymous = app.client
    at = f"made_up_exits.py:{LINE}"
    capsys.readouterr()
    for kind in KINDS:
        answer = anonymous.get(f"/api/x/exits/plain/{kind}")
        assert (answer.status, answer.json) == (500, {"detail": "Internal Server Error"}), kind
        assert {"x-request-id", "x-content-type-options"} <= set(answer.headers), kind
        assert failures() == [("exits", "GET", "/api/x/exits/plain/{kind}", kind, at)]
        answer = anonymous.get(f"/pages/{kind}")
        assert answer.status == 500, kind
        assert failures() == [("exits", "GET", "/pages/{path}", kind, at)]
        with pytest.raises(Exception):  # noqa: B017, PT011 - the server ends the connection
            anonymous.get(f"/api/x/exits/stream/{kind}")
        assert failures() == [("exits", "GET", "/api/x/exits/stream/{kind}", kind, at)]
        with anonymous.websocket(f"/api/x/exits/socket/{kind}") as socket:
            with pytest.raises(SocketClosed) as closed:
                socket.receive()
            assert closed.value.code == 1011, kind
        assert failures() == [("exits", "WEBSOCKET", "/api/x/exits/socket/{kind}", kind, at)]
    assert anonymous.get("/health").status == 200
