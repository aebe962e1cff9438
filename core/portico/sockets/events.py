"""The events that plugins handle: their names, payloads and handlers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import msgspec

from portico.identity import Actor

USER_JOIN: Final = "user-join"
HEARTBEAT: Final = "heartbeat"
#: Events that the core handles. No plugin can register one of them.
OWN_EVENTS: Final = (USER_JOIN, HEARTBEAT)
#: Name of all events to clients about chats and their messages. Source: the API's clients.
CHAT_EVENT: Final = "events"


def chat_event(
    chat_id: str | None, message_id: str | None, kind: str, data: Any = msgspec.UNSET
) -> dict[str, Any]:
    """Return the payload of a `CHAT_EVENT` about a chat or a message. `kind`: its type. `data`: UNSET = it has none."""
    inner = {"type": kind} if data is msgspec.UNSET else {"type": kind, "data": data}
    return {"chat_id": chat_id, "message_id": message_id, "data": inner}


class ConnectedSocket(NamedTuple):
    """The socket that an event came from. `id`: as in `Sockets.call`; `actor`: with the rights of this moment."""

    id: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class SocketEvent:
    """An event that clients may send.

    `name`: `<plugin>:<event>`, or with a prefix in `PluginInfo.socket_prefixes`. `payload`: the type into which msgspec
    decodes the first argument; None = no argument is read. `handle(socket, payload)` returns the acknowledgement, None =
    an empty one. It may raise domain errors, whose text is the answer. `access`: `verified` accounts or `admin` only.
    """

    name: str
    payload: Any
    handle: Callable[[ConnectedSocket, Any], Awaitable[Any]]
    access: Literal["verified", "admin"] = "verified"


class RegisteredEvent(NamedTuple):
    """An event and the plugin that handles it."""

    plugin: str
    event: SocketEvent
