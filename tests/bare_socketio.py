"""A server of python-socketio without anything else, which benchmarks compare with.

Each client joins the room `all` and the room of its account when it connects. The event `measure:send` sends an event to
a room.
"""

from typing import Any

import socketio  # type: ignore[import-untyped]

PATH = "ws/socket.io"


def create_app() -> Any:
    """Return the ASGI application; called by granian."""
    server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins=[])

    async def connect(sid: str, _: Any, auth: Any) -> None:
        await server.enter_room(sid, "all")
        await server.enter_room(sid, auth["token"])

    async def send(_: str, form: Any) -> None:
        await server.emit("measured", form["data"], room=form["room"])

    server.on("connect", connect)
    server.on("measure:send", send)
    return socketio.ASGIApp(server, socketio_path=PATH)
