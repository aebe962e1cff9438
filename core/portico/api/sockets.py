"""Events over Socket.IO: those that clients send, and `app.sockets`, which sends events to clients.

Each class and function has a docstring of its own. The rest are constants:

    CHAT_EVENT   Name of all events to clients about chats and their messages.
"""

from portico.sockets import CHAT_EVENT, ConnectedSocket, SocketEvent, Sockets, chat_event

__all__ = ["CHAT_EVENT", "ConnectedSocket", "SocketEvent", "Sockets", "chat_event"]
