"""What plugins declare about their filters."""

import inspect
import math
from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeVar

from portico.catalogue import OPERATIONS, Operation
from portico.gateway.call import CallResult, GatewayCall

T = TypeVar("T", bytes, str)


class StreamEditor(Protocol[T]):
    """Changes one stream piece by piece. Its methods run on the event loop and must not block."""

    def feed(self, piece: T, /) -> T:
        """Return what is sent in place of this piece; empty = nothing, for now or for ever."""
        ...

    def close(self) -> T:
        """Return what is still to be sent, at the end of the stream."""
        ...


_EDITORS: Final = ("edit_blocks", "edit_events", "edit_text")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFilter:
    """Sees, changes or refuses the calls of models. Every callback is optional.

    `name`: unique in the plugin; the log calls it `<plugin>:<name>`. `order`: filters with smaller numbers see the request
    earlier, and the answer later; the same number = by name. `operations`: the kinds of calls that it sees.

    `inlet(call)` runs before the source is asked. It may replace `call.request`, and refuses the call with a domain error,
    which its client is sent.

    At most one of these is called once for each answer, and returns what edits it: `edit_blocks(call)` bytes as they
    arrive; `edit_events(call)` the data of each server-sent event; `edit_text(call)` the text of each choice, without
    reasoning and calls of tools. An answer that is not streamed is one block, one event, and one text for each choice.
    Responses and messages have several texts in place of choices; events that repeat a text have the edited one.

    `outlet(call, text)` runs when the answer is complete, once, and returns the text to store. A client that was streamed
    the text has it already.

    `ended(call, result)` is called exactly once for each call, also one that another filter refused or that broke off. It
    is not awaited and must not block.

    `time_limit`: seconds for `inlet`, and for `outlet`. `on_failure`: what happens when a callback fails or takes longer:
    `abort` = the client is sent an error; `skip` = the call goes on without this filter.
    """

    name: str
    order: int = 100
    operations: Set[Operation] = OPERATIONS
    inlet: Callable[[GatewayCall], Awaitable[None]] | None = None
    edit_blocks: Callable[[GatewayCall], StreamEditor[bytes]] | None = None
    edit_events: Callable[[GatewayCall], StreamEditor[bytes]] | None = None
    edit_text: Callable[[GatewayCall], StreamEditor[str]] | None = None
    outlet: Callable[[GatewayCall, str], Awaitable[str]] | None = None
    ended: Callable[[GatewayCall, CallResult], None] | None = None
    time_limit: float = 5.0
    on_failure: Literal["abort", "skip"] = "abort"

    def fault(self) -> str:
        """Return why it cannot be registered, as the rest of a sentence; empty if it can. Plugins may declare anything."""
        if not (isinstance(self.name, str) and self.name.isidentifier()):
            return "needs a name of letters, digits and _"
        if not isinstance(self.order, int):
            return "needs a whole number as order"
        if not (isinstance(self.operations, Set) and self.operations <= OPERATIONS):
            return f"has operations other than {', '.join(sorted(OPERATIONS))}"
        if self.on_failure not in ("abort", "skip"):
            return "needs 'abort' or 'skip' as on_failure"
        limit = self.time_limit
        if not isinstance(limit, int | float) or not math.isfinite(limit) or limit <= 0:
            return "needs a positive number of seconds as time_limit"
        if sum(getattr(self, name) is not None for name in _EDITORS) > 1:
            return f"has more than one of {', '.join(_EDITORS)}"
        return self._fault_of_callbacks()

    def _fault_of_callbacks(self) -> str:
        callbacks: dict[str, Any] = {
            name: getattr(self, name) for name in ("inlet", "outlet", "ended", *_EDITORS)
        }
        for name, callback in callbacks.items():
            if callback is not None and not callable(callback):
                return f"needs a function as {name}"
            if inspect.iscoroutinefunction(callback) and name not in ("inlet", "outlet"):
                return f"has an async function as {name}, which is not awaited"
        return ""
