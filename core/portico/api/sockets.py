"""Events over Socket.IO: those that clients send, and `app.sockets`, which sends events to clients."""

from portico.sockets import ConnectedSocket, SocketEvent, Sockets

__all__ = ["ConnectedSocket", "SocketEvent", "Sockets"]
