"""The Socket.IO server at `/ws/socket.io`: connections, signing in, events of clients and events to clients."""

from portico.sockets.endpoint import is_socket_path
from portico.sockets.events import (
    CHAT_EVENT,
    OWN_EVENTS,
    ConnectedSocket,
    RegisteredEvent,
    SocketEvent,
    chat_event,
)
from portico.sockets.sockets import Sockets

__all__ = [
    "CHAT_EVENT",
    "OWN_EVENTS",
    "ConnectedSocket",
    "RegisteredEvent",
    "SocketEvent",
    "Sockets",
    "chat_event",
    "is_socket_path",
]
