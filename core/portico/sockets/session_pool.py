"""Who is connected, from where, and on which instance.

Each instance tells the others of each socket that signs in or ends, and repeats the list of its own from time to time, so
lost messages are made up for, and nothing has to be cleaned up after an instance that dies. The name, the role and the
rights of an account are not stored: they may change while it is connected.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from portico.instances import InstanceChannel
from portico.periodic_task import PeriodicTask

TOPIC: Final = "sockets.sessions"
#: Seconds between two repetitions of the whole list.
REPEAT_SECONDS: Final = 15.0
#: Seconds without a message after which the sockets of an instance are taken to be gone.
EXPIRY_SECONDS: Final = 3 * REPEAT_SECONDS
#: Seconds after which a new instance is known to all others, so that messages to it are sent.
GREETING_SECONDS: Final = 1.5
#: Seconds within which all instances know of a socket that has signed in.
NEWS_SECONDS: Final = 1.0
#: Sockets in one message.
_PART_SIZE: Final = 1000


class SocketSession(msgspec.Struct, frozen=True, array_like=True):
    """A socket on which an account is signed in. Units: `connected_at` in epoch seconds."""

    socket_id: str
    account_id: str
    address: str
    connected_at: int


class Hello(msgspec.Struct, frozen=True, tag="hello", array_like=True):
    """The sender has just started, and needs the lists of the others."""


class Added(msgspec.Struct, frozen=True, tag="added", array_like=True):
    """Sockets of the sender. `is_first`: the first part of the whole list."""

    sessions: list[SocketSession]
    is_first: bool = False


class Removed(msgspec.Struct, frozen=True, tag="removed", array_like=True):
    """A socket of the sender that has ended."""

    socket_id: str


class Gone(msgspec.Struct, frozen=True, tag="gone", array_like=True):
    """The sender stops."""


_DECODER: Final = msgspec.json.Decoder(Hello | Added | Removed | Gone)


class _InstanceSessions:
    """The sockets of one instance, by id. `heard_at`: when its last message came."""

    def __init__(self) -> None:
        self.by_id: dict[str, SocketSession] = {}
        self.of_account: Counter[str] = Counter()
        self.heard_at = time.monotonic()

    def add(self, session: SocketSession) -> None:
        self.remove(session.socket_id)
        self.by_id[session.socket_id] = session
        self.of_account[session.account_id] += 1

    def remove(self, socket_id: str) -> bool:
        session = self.by_id.pop(socket_id, None)
        if session is None:
            return False
        self.of_account[session.account_id] -= 1
        if not self.of_account[session.account_id]:
            del self.of_account[session.account_id]
        return True


class SessionPool:
    """The sockets of all instances on which accounts are signed in."""

    def __init__(self, channel: InstanceChannel) -> None:
        self._channel = channel
        self._own = _InstanceSessions()
        self._others: dict[str, _InstanceSessions] = {}
        #: Set, and replaced, with each message of another instance.
        self._news = asyncio.Event()
        self._repeat = PeriodicTask("list of sockets", REPEAT_SECONDS, self._repeat_all)
        channel.subscribe(TOPIC, self._receive)

    @property
    def instance_id(self) -> str:
        """The id of this instance."""
        return self._channel.instance_id

    def start(self) -> None:
        """Ask the other instances for their lists. Needs a running event loop."""
        self._publish(Hello())
        self._repeat.start()

    async def stop(self) -> None:
        """Tell the other instances that all sockets of this one are gone."""
        await self._repeat.stop()
        self._own = _InstanceSessions()
        self._publish(Gone())

    def add(self, session: SocketSession) -> None:
        """Add a socket of this instance, or note that it belongs to another account now."""
        self._own.add(session)
        self._publish(Added([session]))

    def remove(self, socket_id: str) -> None:
        """Remove a socket of this instance."""
        if self._own.remove(socket_id):
            self._publish(Removed(socket_id))

    def count_of(self, account_id: str) -> int:
        """Return the number of sockets of an account on all instances."""
        return self._own.of_account[account_id] + self._count_elsewhere(account_id)

    def is_elsewhere(self, account_id: str) -> bool:
        """Return whether an account has a socket on another instance, as far as is known."""
        return self._count_elsewhere(account_id) > 0

    def has(self, account_id: str, socket_id: str) -> bool:
        """Return whether this is a socket of the account, on any instance."""
        found = (one.by_id.get(socket_id) for one in (self._own, *self._others.values()))
        return any(one is not None and one.account_id == account_id for one in found)

    async def wait_for(self, account_id: str, socket_id: str) -> bool:
        """As `has`; if it is not known, wait for news of it from other instances, at most NEWS_SECONDS."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(NEWS_SECONDS):
                while self._channel.has_peers and not self.has(account_id, socket_id):
                    await self._news.wait()
        return self.has(account_id, socket_id)

    def __iter__(self) -> Iterator[tuple[str, SocketSession]]:
        """Return all sockets, each with the id of its instance."""
        for instance, sessions in ((self._channel.instance_id, self._own), *self._others.items()):
            for session in sessions.by_id.values():
                yield instance, session

    def _count_elsewhere(self, account_id: str) -> int:
        return sum(one.of_account[account_id] for one in self._others.values())

    async def _repeat_all(self) -> None:
        self._announce_all()
        limit = time.monotonic() - EXPIRY_SECONDS
        for instance in [
            one for one, sessions in self._others.items() if sessions.heard_at < limit
        ]:
            del self._others[instance]

    def _announce_all(self) -> None:
        sessions = list(self._own.by_id.values())
        for begin in range(0, max(len(sessions), 1), _PART_SIZE):
            self._publish(Added(sessions[begin : begin + _PART_SIZE], is_first=begin == 0))

    def _publish(self, message: Hello | Added | Removed | Gone) -> None:
        if self._channel.has_peers:
            self._channel.publish(TOPIC, msgspec.json.encode(message))

    def _receive(self, sender: str, payload: bytes) -> None:
        try:
            message = _DECODER.decode(payload)
        except msgspec.MsgspecError:
            return  # of another release
        self._news.set()
        self._news = asyncio.Event()
        if isinstance(message, Gone):
            self._others.pop(sender, None)
            return
        if isinstance(message, Hello):
            asyncio.get_running_loop().call_later(GREETING_SECONDS, self._announce_all)
        if sender not in self._others or (isinstance(message, Added) and message.is_first):
            self._others[sender] = _InstanceSessions()
        sessions = self._others[sender]
        sessions.heard_at = time.monotonic()
        if isinstance(message, Added):
            for session in message.sessions:
                sessions.add(session)
        elif isinstance(message, Removed):
            sessions.remove(message.socket_id)
