"""Limits the bytes of request bodies that are in memory at once, in total and for each caller."""

from collections.abc import Mapping
from typing import Any, Final

from portico.errors import Unavailable

#: A body of this size is accepted even if larger ones have used most of the budget, so that users can still sign in.
SMALL_BYTES: Final = 64 * 1024

#: Key of a request's `HeldBody` in its scope.
HELD_BODY: Final = "portico.body"

TOO_MANY_BODIES: Final = "Too many large requests at once. Try again in a moment."


class BodyBudget:
    """Counts the bytes of all bodies in memory. `max_bytes`: of all bodies together.

    Large bodies leave a quarter of the budget to small ones, and those of one caller half of it to other callers.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._max_large_bytes = max_bytes - max_bytes // 4
        self._max_caller_bytes = max_bytes // 2
        self.held_bytes = 0
        self._callers: dict[str, int] = {}

    def take(self, body: "HeldBody", size: int) -> None:
        """Count further bytes of a body. Raises: Unavailable if the budget is used up.

        A body that is alone is always accepted, so that none is refused for ever.
        """
        if body.size + size > SMALL_BYTES:
            of_caller = self._callers.get(body.caller, 0)
            is_alone = self.held_bytes == body.size
            if not is_alone and (
                self.held_bytes + size > self._max_large_bytes
                or (of_caller > body.size and of_caller + size > self._max_caller_bytes)
            ):
                raise Unavailable(TOO_MANY_BODIES)
        elif self.held_bytes + size > self._max_bytes:
            raise Unavailable(TOO_MANY_BODIES)
        body.size += size
        self.held_bytes += size
        self._callers[body.caller] = self._callers.get(body.caller, 0) + size

    def give_back(self, body: "HeldBody") -> None:
        """Subtract a body that is no longer in memory."""
        size, body.size = body.size, 0
        if not size:
            return
        self.held_bytes -= size
        left = self._callers.pop(body.caller) - size
        if left:
            self._callers[body.caller] = left


class HeldBody:
    """The body of one request while it is in memory. `caller`: whose budget it uses; `value`: the decoded body."""

    __slots__ = ("_budget", "caller", "data", "size", "value")

    def __init__(self, budget: BodyBudget, caller: str) -> None:
        self._budget, self.caller = budget, caller
        self.data: bytes | None = None
        self.value: Any = None
        self.size = 0

    def take(self, size: int) -> None:
        """Count further bytes. Raises: Unavailable."""
        self._budget.take(self, size)

    def release(self) -> None:
        """Free the body: the response has started, or there will be none."""
        self.data = self.value = None
        self._budget.give_back(self)


def drop_body(scope: Mapping[str, Any]) -> None:
    """Free the body of a request before the response starts. Afterwards its handler reads an empty one.

    Values that were decoded from it keep it in memory: the handler drops them, too. It stays counted until the
    response starts, since the handler makes something as large of it.
    """
    held = scope.get(HELD_BODY)
    if held is not None:
        held.data, held.value = b"", None


def release_body(scope: Mapping[str, Any]) -> None:
    """Free the body of a request, if there is one."""
    held = scope.get(HELD_BODY)
    if held is not None:
        held.release()
