"""The fence around every call into a plugin, and the only place that catches everything.

A fence guards against mistakes, not malice. What it catches is told under the plugin's name: the kind of error and
where it happened at `warning`, its text and traceback at `debug` only, because a text may hold a secret.
"""

import inspect
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from portico.errors import DomainError, error_location

T = TypeVar("T")
log = structlog.get_logger("portico.plugins")


class PluginError(Exception):
    """A plugin failed. `reason` is for the operator; `trace` for whoever mends the plugin."""

    def __init__(self, plugin: str, doing: str, cause: BaseException) -> None:
        self.plugin, self.operation = plugin, doing
        self.reason = (
            f"{doing}: {type(cause).__name__}: {cause}"
            if str(cause)
            else f"{doing}: {type(cause).__name__}"
        )
        self.trace = "".join(traceback.format_exception(cause))
        super().__init__(f"{plugin}: {self.reason}")


def log_failure(plugin: str, doing: str, error: BaseException) -> None:
    """Log a plugin's failure: what kind and where for everybody, the text for those who turned debug on."""
    log.warning(
        "plugin failed",
        plugin=plugin,
        doing=doing,
        error=type(error).__name__,
        at=error_location(error),
    )
    log.debug("plugin failed, in full", plugin=plugin, doing=doing, text=str(error), exc_info=error)


def call(plugin: str, doing: str, call: Callable[[], T]) -> T:
    """Call into a plugin; whatever it raises comes out as a `Fault` and nothing else.

    A plugin that calls `sys.exit` is a plugin that failed; a person pressing Ctrl-C is not.
    """
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        log_failure(plugin, doing, error)
        raise PluginError(plugin, doing, error) from error


async def call_async(plugin: str, doing: str, call: Callable[[], Any]) -> Any:
    """As `run`, for a call whose result may have to be awaited."""
    try:
        result = call()
        return await result if inspect.isawaitable(result) else result
    except Exception as error:
        log_failure(plugin, doing, error)
        raise PluginError(plugin, doing, error) from error


def deliver_event(
    plugin: str, handle: Callable[[Any], Awaitable[None] | None], event: Any
) -> Awaitable[None] | None:
    """Tell one listener of one event; a listener that fails is logged, and that is all."""
    doing = f"hearing of {type(event).__name__}"
    try:
        pending = handle(event)
    except Exception as error:
        log_failure(plugin, doing, error)
        return None
    return _finish(plugin, doing, pending) if pending is not None else None


async def run_in_transaction(
    plugin: str, handle: Callable[[Any], Awaitable[None] | None], event: Any
) -> None:
    """Have one listener do its part of a change. Raises: Fault, or the refusal with which it declines."""
    refusals: list[DomainError] = []

    async def part() -> None:
        try:
            pending = handle(event)
            if pending is not None:
                await pending
        except DomainError as refusal:
            refusals.append(refusal)

    await call_async(plugin, f"taking part in {type(event).__name__}", part)
    if refusals:
        raise refusals[0]


async def _finish(plugin: str, doing: str, pending: Awaitable[None]) -> None:
    try:
        await pending
    except Exception as error:
        log_failure(plugin, doing, error)
