"""The one bus of an application. What lives here: delivery. The events themselves belong to their rooms.

Events are frozen structs, published after the commit that made them true (`portico.db.after_commit`), so nobody
hears of a change that was rolled back. Today the bus ends at the process; an event's type and fields are all
another instance would need, so carrying it further changes nothing for publishers or listeners.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Listener:
    """A wish to hear of one kind of event.

    `handle` may be a plain function: then it has run when `publish` returns, which is how caches stay right.
    An `async def` runs soon after, in a task of its own.
    """

    event: type[Any]
    handle: Callable[[Any], Awaitable[None] | None]


Handler = Callable[[Any], Awaitable[None] | None]
#: Calls a listener inside the fence of the plugin it came from; never raises.
DeliverFn = Callable[[str, Handler, Any], Awaitable[None] | None]
#: The same for a listener whose part must be done: raises what went wrong.
TransactionFn = Callable[[str, Handler, Any], Awaitable[None]]


async def call_directly(_owner: str, handle: Handler, event: Any) -> None:
    """Involve a listener as it is."""
    pending = handle(event)
    if pending is not None:
        await pending


class EventBus:
    """Tells listeners what happened, in the order they were added."""

    def __init__(self, deliver: DeliverFn, involve: TransactionFn = call_directly) -> None:
        self._deliver = deliver
        self._involve = involve
        self._listeners: dict[type[Any], list[tuple[str, Listener]]] = defaultdict(list)
        self._running: set[asyncio.Task[None]] = set()

    def subscribe(self, owner: str, listeners: Iterable[Listener]) -> None:
        """Add listeners on behalf of a plugin (or of a room of the core), so that faults name their owner."""
        for listener in listeners:
            self._listeners[listener.event].append((owner, listener))

    def unsubscribe(self, owner: str) -> None:
        """Take an owner's listeners away."""
        for event, listeners in self._listeners.items():
            self._listeners[event] = [pair for pair in listeners if pair[0] != owner]

    def publish(self, event: Any) -> None:
        """Tell everybody. A listener that fails is logged under its owner's name; the rest still hear."""
        for owner, listener in self._listeners.get(type(event), ()):
            pending = self._deliver(owner, listener.handle, event)
            if pending is not None:
                task = asyncio.ensure_future(pending)
                self._running.add(task)  # the loop holds tasks weakly
                task.add_done_callback(self._running.discard)

    async def publish_in_transaction(self, event: Any) -> None:
        """Have everybody do their part of what is about to happen, inside the transaction that is open.

        One after the other; one that fails stops the rest, and with the exception the transaction is undone.
        """
        for owner, listener in self._listeners.get(type(event), ()):
            await self._involve(owner, listener.handle, event)

    async def drain(self) -> None:
        """Wait until the listeners at work have finished. Called at shutdown, and by tests."""
        while self._running:
            await asyncio.wait(self._running)
