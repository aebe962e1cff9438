"""The event bus of an application. It delivers events; the events are defined by the packages that publish them.

Events are frozen structs, published after the commit of the change they describe (`portico.db.after_commit`), so no
listener receives an event of a change that was rolled back. The bus delivers within this process only.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Listener:
    """A subscription to one type of event.

    `handle` may be a plain function: it has run when `publish` returns, so caches can rely on it. An `async def` runs
    soon after, in its own task.
    """

    event: type[Any]
    handle: Callable[[Any], Awaitable[None] | None]


Handler = Callable[[Any], Awaitable[None] | None]
#: Calls a listener with plugin isolation; never raises.
DeliverFn = Callable[[str, Handler, Any], Awaitable[None] | None]
#: Calls a listener inside a transaction: raises its exception.
TransactionFn = Callable[[str, Handler, Any], Awaitable[None]]


#: How many events led to the listener that runs now, one by the other. Tasks inherit it.
_DEPTH: ContextVar[int] = ContextVar("portico_event_depth", default=0)
MAX_DEPTH: Final = 10


class EndlessEvents(RuntimeError):
    """A listener publishes an event that leads to itself again."""


@contextmanager
def _nested(event: Any) -> Iterator[None]:
    """Count the events that lead to each other. Raises: EndlessEvents if they are too many."""
    depth = _DEPTH.get()
    if depth >= MAX_DEPTH:
        raise EndlessEvents(
            f"{type(event).__name__} is the last of {MAX_DEPTH} events that lead to each other; "
            "a listener must not publish what it listens to"
        )
    token = _DEPTH.set(depth + 1)
    try:
        yield
    finally:
        _DEPTH.reset(token)


async def call_directly(_owner: str, handle: Handler, event: Any) -> None:
    """Call a listener without plugin isolation."""
    pending = handle(event)
    if pending is not None:
        await pending


class EventBus:
    """Delivers events to listeners, in the order in which they were added.

    `deliver` calls a listener and never raises; `involve` calls one inside a transaction and raises its exception.
    """

    def __init__(self, deliver: DeliverFn, involve: TransactionFn = call_directly) -> None:
        self._deliver = deliver
        self._involve = involve
        self._listeners: dict[type[Any], list[tuple[str, Listener]]] = defaultdict(list)
        #: Running listeners, each with its owner.
        self._running: dict[asyncio.Future[None], str] = {}

    def subscribe(self, owner: str, listeners: Iterable[Listener]) -> None:
        """Add listeners of a plugin (or of the core, `portico`). `owner`: named in the log if a listener fails."""
        for listener in listeners:
            self._listeners[listener.event].append((owner, listener))

    def unsubscribe(self, owner: str) -> None:
        """Remove all listeners of an owner."""
        for event, listeners in self._listeners.items():
            self._listeners[event] = [pair for pair in listeners if pair[0] != owner]

    def has_listeners(self, event: type[Any]) -> bool:
        """Return whether anything listens to a type of event, for events that are costly to make."""
        return bool(self._listeners.get(event))

    def publish(self, event: Any) -> None:
        """Deliver an event. A listener that fails is logged with its owner; the others still receive the event.

        Raises: EndlessEvents in a listener whose own events lead to it again.
        """
        if not (listeners := self._listeners.get(type(event))):
            return
        with _nested(event):
            for owner, listener in listeners:
                pending = self._deliver(owner, listener.handle, event)
                if pending is not None:
                    task = asyncio.ensure_future(pending)
                    self._running[task] = owner  # the loop holds tasks weakly
                    task.add_done_callback(self._running.pop)

    async def publish_in_transaction(self, event: Any) -> None:
        """Deliver an event inside the open transaction, one listener after the other.

        The exception of a listener that fails is raised, so that the transaction is rolled back.
        """
        if not (listeners := self._listeners.get(type(event))):
            return
        with _nested(event):
            for owner, listener in listeners:
                await self._involve(owner, listener.handle, event)

    async def drain(self, seconds: float | None = None) -> list[str]:
        """Wait until all running listeners have finished. Called at shutdown, and by tests.

        After `seconds` the others are cancelled. Returns the owners of those.
        """
        loop = asyncio.get_running_loop()
        end = None if seconds is None else loop.time() + seconds
        while self._running and (end is None or loop.time() < end):
            await asyncio.wait(self._running, timeout=end and end - loop.time())
        left = dict(self._running)
        for task in left:
            task.cancel()
        return sorted(set(left.values()))
