"""Events and calls between the instances of one installation, over the `InstanceChannel`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import msgspec
import structlog

from portico.db import new_id
from portico.errors import NotFound
from portico.instances.messages import InstanceChannel
from portico.sockets.connection import NO_SUCH_SOCKET
from portico.sockets.counters import SocketCounters
from portico.sockets.local import Delivery, LocalSockets

TOPIC: Final = "sockets"
#: Seconds for which events that replace each other are held back: with Redis, and without it for short and long texts.
REDIS_DELAY_SECONDS: Final = 0.1
MIN_DELAY_SECONDS: Final = 0.25
MAX_DELAY_SECONDS: Final = 0.9
#: Characters of an event for which a tenth of a second is added to the delay without Redis.
_CHARS_PER_STEP: Final = 16 * 1024
#: Seconds in which the instance that has a socket must say so.
FIND_TIMEOUT_SECONDS: Final = 3.0
log = structlog.get_logger("portico.sockets")


class RemoteCall(msgspec.Struct, frozen=True, tag="call", array_like=True):
    """Asks whichever instance has the socket to send it an event and to return its acknowledgement.

    `listens`: instead, to pass on each event of this name that the socket sends. Units: `timeout` in seconds.
    """

    id: str
    account_id: str
    socket_id: str
    event: str
    data: msgspec.Raw
    timeout: float
    listens: bool = False


class Found(msgspec.Struct, frozen=True, tag="found", array_like=True):
    """The sender has the socket of a call."""

    id: str


class Answer(msgspec.Struct, frozen=True, tag="answer", array_like=True):
    """What the socket of a call has sent. `is_lost`: nothing, since it has ended."""

    id: str
    data: msgspec.Raw
    is_lost: bool = False


class Unlisten(msgspec.Struct, frozen=True, tag="unlisten", array_like=True):
    """Ends a `RemoteCall` that listens."""

    id: str


Message = Delivery | RemoteCall | Found | Answer | Unlisten
_DECODER: Final = msgspec.json.Decoder(Message)


class _PendingCall:
    def __init__(self, on_data: Callable[[Answer], None]) -> None:
        self.found = asyncio.Event()
        self.on_data = on_data


class RemoteSockets:
    """The sockets of the other instances. `has_redis`: whether messages go through Redis now."""

    def __init__(
        self,
        channel: InstanceChannel,
        has_redis: Callable[[], bool],
        local: LocalSockets,
        counters: SocketCounters,
    ) -> None:
        self._channel, self._has_redis, self._local = channel, has_redis, local
        self._counters = counters
        #: Events that later ones may replace, by target and key.
        self._held: dict[tuple[bool, str, str], Delivery] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._calls: dict[str, _PendingCall] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._listening: dict[str, contextlib.ExitStack] = {}
        channel.subscribe(TOPIC, self._receive)

    @property
    def exist(self) -> bool:
        """Whether another instance is alive."""
        return self._channel.has_peers

    def deliver(self, delivery: Delivery) -> None:
        """Send an event to the sockets of other instances. Events of one target arrive in their order."""
        key = delivery.is_room, delivery.target, delivery.replaces
        if delivery.replaces:
            self._held.pop(key, None)
            self._held[key] = delivery
            if self._timer is None:
                delay = self._delay(len(delivery.text))
                self._timer = asyncio.get_running_loop().call_later(delay, self._flush)
            return
        for held in [one for one in self._held if one[:2] == key[:2]]:
            self._send(self._held.pop(held))
        self._send(delivery)

    async def call(
        self, account_id: str, socket_id: str, event: str, data: Any, timeout: float
    ) -> msgspec.Raw:
        """Call a socket of another instance. Raises: NotFound, TimeoutError."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def take(received: Answer) -> None:
            if not answer.done():
                answer.set_result(received)

        raw = msgspec.Raw(msgspec.json.encode(data))
        call = RemoteCall(new_id(), account_id, socket_id, event, raw, timeout)
        async with asyncio.timeout(timeout), self._asking(call, take):
            received = await answer
        if received.is_lost:
            raise NotFound(NO_SUCH_SOCKET)
        return received.data

    @contextlib.asynccontextmanager
    async def listen(
        self, account_id: str, socket_id: str, event: str, handle: Callable[[msgspec.Raw], None]
    ) -> AsyncIterator[None]:
        """Have `handle` take the events of this name of a socket of another instance. Raises: NotFound."""
        call = RemoteCall(
            new_id(), account_id, socket_id, event, msgspec.Raw(b"null"), 0.0, listens=True
        )
        try:
            async with self._asking(call, lambda one: None if one.is_lost else handle(one.data)):
                yield
        finally:
            self._send(Unlisten(call.id))

    @contextlib.asynccontextmanager
    async def _asking(
        self, call: RemoteCall, on_data: Callable[[Answer], None]
    ) -> AsyncIterator[None]:
        """Send a call and wait until an instance has found its socket. Raises: NotFound."""
        pending = self._calls[call.id] = _PendingCall(on_data)
        try:
            if not self.exist:
                raise NotFound(NO_SUCH_SOCKET)
            self._send(call)
            try:
                async with asyncio.timeout(FIND_TIMEOUT_SECONDS):
                    await pending.found.wait()
            except TimeoutError:
                raise NotFound(NO_SUCH_SOCKET) from None
            yield
        finally:
            del self._calls[call.id]

    async def stop(self) -> None:
        """Send what is held back, and end what is served for other instances."""
        if self._timer is not None:
            self._timer.cancel()
        self._flush()
        for task in list(self._serving):
            task.cancel()
        for listening in self._listening.values():
            listening.close()
        self._listening.clear()

    def _delay(self, chars: int) -> float:
        if self._has_redis():
            return REDIS_DELAY_SECONDS
        return min(MAX_DELAY_SECONDS, MIN_DELAY_SECONDS + 0.1 * (chars / _CHARS_PER_STEP))

    def _flush(self) -> None:
        self._timer = None
        held, self._held = self._held, {}
        for delivery in held.values():
            self._send(delivery)

    def _send(self, message: Message) -> None:
        if self._channel.has_peers:
            self._counters.sent_to_instances += 1
            self._channel.publish(TOPIC, msgspec.json.encode(message))

    def _receive(self, _sender: str, payload: bytes) -> None:
        try:
            message = _DECODER.decode(payload)
        except msgspec.MsgspecError:
            return  # of another release
        self._counters.from_instances += 1
        match message:
            case Delivery():
                self._local.deliver(message)
            case RemoteCall() if self._local.has(message.account_id, message.socket_id):
                self._send(Found(message.id))
                if message.listens:
                    self._listen_for(message)
                else:
                    task = asyncio.create_task(self._serve(message))
                    self._serving.add(task)
                    task.add_done_callback(self._serving.discard)
            case Found() if message.id in self._calls:
                self._calls[message.id].found.set()
            case Answer() if message.id in self._calls:
                self._calls[message.id].found.set()
                self._calls[message.id].on_data(message)
            case Unlisten() if message.id in self._listening:
                self._listening.pop(message.id).close()

    async def _serve(self, call: RemoteCall) -> None:
        try:
            data = await self._local.call(
                call.account_id, call.socket_id, call.event, call.data, call.timeout
            )
        except TimeoutError:
            return  # so has the caller's
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller must not wait for it
            if not isinstance(error, NotFound):
                log.info("call of a socket failed", name=call.event, error=type(error).__name__)
            self._send(Answer(call.id, msgspec.Raw(b"null"), is_lost=True))
        else:
            self._send(Answer(call.id, data))

    def _listen_for(self, call: RemoteCall) -> None:
        stack = contextlib.ExitStack()
        with contextlib.suppress(NotFound):
            stack.enter_context(
                self._local.listen(
                    call.account_id,
                    call.socket_id,
                    call.event,
                    lambda data: self._send(Answer(call.id, data)),
                )
            )
            self._listening[call.id] = stack
