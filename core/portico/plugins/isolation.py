"""Wraps every call into a plugin. The only module that catches all exceptions.

This protects against mistakes of plugins, not against malice. An exception is logged with the plugin's name: its type
and location at `warning`, its text and traceback only at `debug`, because the text may contain a secret.
"""

import inspect
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from portico.errors import DomainError, error_location
from portico.plugins.location import location_of_error
from portico.plugins.registry import FaultKind

T = TypeVar("T")
log = structlog.get_logger("portico.plugins")


class PluginError(Exception):
    """An exception raised inside a plugin. `reason`: for the operator. `trace`: for the plugin's author.

    `at`: the plugin's own file and line; empty if it is unknown.
    """

    def __init__(
        self,
        plugin: str,
        doing: str,
        cause: BaseException,
        *,
        kind: FaultKind = FaultKind.HOOK,
        at: str = "",
    ) -> None:
        self.plugin, self.operation, self.kind, self.at = plugin, doing, kind, at
        self.reason = (
            f"{doing}: {type(cause).__name__}: {cause}"
            if str(cause)
            else f"{doing}: {type(cause).__name__}"
        )
        self.trace = "".join(traceback.format_exception(cause))
        super().__init__(f"{plugin}: {self.reason}")


def log_failure(plugin: str, doing: str, error: BaseException) -> None:
    """Log an exception of a plugin: its type and location at warning, its text and traceback at debug."""
    log.warning(
        "plugin failed",
        plugin=plugin,
        doing=doing,
        error=type(error).__name__,
        at=error_location(error),
    )
    log.debug(
        "plugin failed with this error", plugin=plugin, doing=doing, text=str(error), exc_info=error
    )


def call(
    plugin: str,
    doing: str,
    call: Callable[[], T],
    *,
    kind: FaultKind = FaultKind.HOOK,
    package: str = "",
) -> T:
    """Call into a plugin. Raises: PluginError for every exception of the plugin, `SystemExit` too; KeyboardInterrupt.

    `package`: the first part of the name of the plugin's module.
    """
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        log_failure(plugin, doing, error)
        at = location_of_error(error, package)
        raise PluginError(plugin, doing, error, kind=kind, at=at) from error


async def call_async(plugin: str, doing: str, call: Callable[[], Any]) -> Any:
    """As `call`, for a call whose result may have to be awaited."""
    try:
        result = call()
        return await result if inspect.isawaitable(result) else result
    except Exception as error:
        log_failure(plugin, doing, error)
        raise PluginError(plugin, doing, error) from error


def deliver_event(
    plugin: str, handle: Callable[[Any], Awaitable[None] | None], event: Any
) -> Awaitable[None] | None:
    """Deliver an event to one listener. An exception of the listener is logged and not raised."""
    doing = f"handling {type(event).__name__}"
    try:
        pending = handle(event)
    except Exception as error:
        log_failure(plugin, doing, error)
        return None
    return _finish(plugin, doing, pending) if pending is not None else None


async def handle_socket_event(plugin: str, doing: str, handle: Callable[[], Awaitable[Any]]) -> Any:
    """Have a plugin handle an event of a socket. Raises: PluginError; DomainError if the plugin refuses the event."""
    refusals: list[DomainError] = []

    async def handled() -> Any:
        try:
            return await handle()
        except DomainError as refusal:
            refusals.append(refusal)

    answer = await call_async(plugin, doing, handled)
    if refusals:
        raise refusals[0]
    return answer


async def run_task(plugin: str, doing: str, run: Callable[[], Awaitable[Any]]) -> Any:
    """Have a plugin run one try of a task. Raises: PluginError, for `SystemExit` too; DomainError as the plugin raises it.

    A cancellation is raised as such.
    """
    try:
        return await run()
    except DomainError:
        raise
    except (Exception, SystemExit) as error:  # `SystemExit` would end the process
        log_failure(plugin, doing, error)
        raise PluginError(plugin, doing, error) from error


async def run_in_transaction(
    plugin: str, handle: Callable[[Any], Awaitable[None] | None], event: Any
) -> None:
    """Have one listener handle an event inside the transaction that causes it.

    Raises: PluginError; DomainError if the listener refuses the change.
    """
    refusals: list[DomainError] = []

    async def handled() -> None:
        try:
            pending = handle(event)
            if pending is not None:
                await pending
        except DomainError as refusal:
            refusals.append(refusal)

    await call_async(plugin, f"handling {type(event).__name__}", handled)
    if refusals:
        raise refusals[0]


async def _finish(plugin: str, doing: str, pending: Awaitable[None]) -> None:
    try:
        await pending
    except Exception as error:
        log_failure(plugin, doing, error)
