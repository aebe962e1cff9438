"""Wraps every call into a plugin: catches what it raises, limits its time, and names the plugin with its file and line.

This protects against mistakes of plugins, not against malice. An exception is logged with the plugin's name: its type
and location at `warning`, its text and traceback only at `debug`, because the text may contain a secret.
"""

import asyncio
import contextlib
import dataclasses
import inspect
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import structlog

from portico.catalogue import ActionRequest, MessageAction
from portico.db import DatabaseCheck
from portico.errors import DomainError, error_location, error_text
from portico.plugin_errors.plugin_exit import PluginFault, is_failure
from portico.plugins.process_settings import preserved_settings
from portico.plugins.registry import FaultKind
from portico.plugins.watchdog import CallInterrupted, CallWatchdog, WatchedSteps
from portico.settings.schema import PluginSelection
from portico.time_limit import LimitExceeded, LimitShare, Strictly, strictly
from portico.web.counters import Counters
from portico.web.health_check import HealthCheck

T = TypeVar("T")
log = structlog.get_logger("portico.plugins")


class PluginError(PluginFault):
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
        kinds = [] if isinstance(cause, OverLimit) else [type(cause).__name__]
        self.reason = ": ".join([doing, *kinds, *filter(None, [error_text(cause)])])
        self.trace = "".join(traceback.format_exception(cause))
        super().__init__(f"{plugin}: {self.reason}")


class OverLimit(LimitExceeded):
    """A call into a plugin took longer than its limit."""

    def __init__(self, seconds: float, setting: str) -> None:
        of = f" ({setting})" if setting else ""
        super().__init__(seconds, f"it did not end within {seconds:.3g} s{of}")


class PluginIsolation:
    """The calls into the plugins of one application. `code`: their modules. `counters`: where failures are counted.

    `watchdog`: interrupts calls that block, in its `with` block.
    """

    def __init__(self, limits: PluginSelection, counters: Counters) -> None:
        self.limits, self.code, self._counters = limits, counters.code, counters
        self.watchdog = CallWatchdog()
        #: Called before each call of `call`, with the plugin and what it does, for whom a plugin might end the process.
        self.on_call: Callable[[str, str], None] | None = None
        self._share: LimitShare | None = None

    @contextlib.contextmanager
    def sharing(self, seconds: float, part: float = 0.5) -> Iterator[None]:
        """Watch the calls of a `with` block, which have so many seconds together: each may take a part of what is left."""
        self._share = LimitShare(seconds, part)
        try:
            with self.watchdog:
                yield
        finally:
            self._share = None

    def log_failure(
        self, plugin: str, doing: str, error: BaseException, origin: object = None
    ) -> str:
        """Log and count an exception of a plugin: type and location at warning, text and traceback at debug.

        `origin`: what the plugin had registered, where the exception itself has no line of the plugin. Returns the line.
        """
        at = self.location(plugin, error, origin)
        self._counters.plugin_failed(plugin)
        log.warning(
            "plugin failed",
            plugin=plugin,
            doing=doing,
            error=type(error).__name__,
            at=at or error_location(error),
        )
        log.debug(
            "plugin failed with this error",
            plugin=plugin,
            doing=doing,
            text=error_text(error),
            exc_info=error,
        )
        return at

    def location(self, plugin: str, error: BaseException | None, origin: object = None) -> str:
        """Return the plugin's own file and line of an exception, or where `origin` begins; empty = neither is known."""
        at = self.code.of_error(error, plugin).at
        if not at and origin is not None:
            at = self.code.of_definition(origin).at
        return at

    def error(
        self,
        plugin: str,
        doing: str,
        cause: BaseException,
        *,
        kind: FaultKind = FaultKind.HOOK,
        origin: object = None,
    ) -> PluginError:
        """Log an exception of a plugin and return the error to raise."""
        at = self.log_failure(plugin, doing, cause, origin)
        if isinstance(cause, OverLimit):
            kind = FaultKind.TIMEOUT
        return PluginError(plugin, doing, cause, kind=kind, at=at)

    def call(
        self,
        plugin: str,
        doing: str,
        call: Callable[[], T],
        *,
        kind: FaultKind = FaultKind.HOOK,
        limit: float | None = None,
        origin: object = None,
    ) -> T:
        """Call into a plugin. Raises: PluginError for every exception of the plugin, `SystemExit` too; KeyboardInterrupt.

        `limit`: seconds; None = `plugins.load_limit`.
        """
        watchdog = self.watchdog
        if not watchdog.is_running:
            with watchdog:
                return self.call(plugin, doing, call, kind=kind, limit=limit, origin=origin)
        if self.on_call is not None:
            self.on_call(plugin, doing)
        watched = watchdog.begin(self.limits.load_limit if limit is None else limit, self._share)
        try:
            try:
                with preserved_settings():
                    return call()
            finally:
                watchdog.end()
        except CallInterrupted as interruption:
            late = OverLimit(watched.seconds if watched else 0, "plugins.load_limit")
            late.__cause__ = interruption
            raise self.error(plugin, doing, late, kind=kind, origin=origin) from late
        except BaseException as error:
            if not is_failure_outside_tasks(error):
                raise
            raise self.error(plugin, doing, error, kind=kind, origin=origin) from error

    def contain_exits(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the event loop go on when a task or a callback that a plugin has created raises an exit."""
        if hasattr(loop, "on_exit"):  # an `ExitProofLoop`; commands do not import uvloop
            loop.on_exit = self._is_plugin_exit

    def _is_plugin_exit(self, error: BaseException) -> bool:
        return is_failure(error) and self.blamed("its own task or callback", error) is not None

    def blamed(self, doing: str, error: BaseException) -> PluginError | None:
        """Return the error of the plugin whose code raised this outside of any call into it; None = it is of no plugin.

        Its code may run wherever one of its objects is used: a property, a comparison, `__hash__`.
        """
        if isinstance(error, PluginError):
            return error
        plugin = self.code.of_error(error).plugin
        return self.error(plugin, doing, error) if plugin else None

    async def call_async(
        self,
        plugin: str,
        doing: str,
        call: Callable[[], Any],
        *,
        limit: float | None = None,
        setting: str = "",
        kind: FaultKind = FaultKind.HOOK,
        origin: object = None,
    ) -> Any:
        """As `call`, for a call whose result may have to be awaited. `limit`: seconds; None = none.

        `setting`: the name of the setting that has the limit. A call that ignores its cancellation is left.
        """
        try:
            return await self.within(limit, setting, call)
        except BaseException as error:
            if not is_failure(error):
                raise
            raise self.error(plugin, doing, error, kind=kind, origin=origin) from error

    async def within(self, limit: float | None, setting: str, call: Callable[[], Any]) -> Any:
        """Call a function and await its result. Raises: OverLimit; what it raises, of any kind."""
        if limit is None:
            result = call()
            return await result if inspect.isawaitable(result) else result
        seconds = self._shared(limit)
        try:
            if not self.watchdog.is_running:
                result = call()
                return await strictly(seconds, result) if inspect.isawaitable(result) else result
            with (steps := WatchedSteps(self.watchdog, seconds)):
                result = call()
            return await Strictly(seconds, result, steps) if inspect.isawaitable(result) else result
        except (CallInterrupted, LimitExceeded) as error:
            raise OverLimit(seconds, setting) from error

    def _shared(self, limit: float) -> float:
        return limit if self._share is None else self._share.of(limit)

    def deliver_event(
        self, plugin: str, handle: Callable[[Any], Awaitable[None] | None], event: Any
    ) -> Awaitable[None] | None:
        """Deliver an event to one listener. An exception of the listener is logged and not raised."""
        doing = f"handling {type(event).__name__}"
        try:
            pending = handle(event)
        except BaseException as error:
            if not is_failure_outside_tasks(error):
                raise
            self.log_failure(plugin, doing, error, handle)
            return None
        return self._finish(plugin, doing, pending, handle) if pending is not None else None

    async def run_in_transaction(
        self, plugin: str, handle: Callable[[Any], Awaitable[None] | None], event: Any
    ) -> None:
        """Have one listener handle an event inside the transaction that causes it.

        Raises: PluginError, also if it takes too long; DomainError if the listener refuses the change.
        """
        doing = f"handling {type(event).__name__}"
        limit = None if plugin == "portico" else self.limits.listener_limit
        setting = "plugins.listener_limit"
        await self._answer(
            plugin, doing, limit, lambda: handle(event), setting=setting, origin=handle
        )

    async def sign_in(
        self, plugin: str, doing: str, call: Callable[[], Any], origin: object
    ) -> Any:
        """Call a way of signing in, or a token authenticator. Raises: PluginError; DomainError as the plugin does."""
        limit, setting = self.limits.sign_in_limit, "plugins.sign_in_limit"
        return await self._answer(plugin, doing, limit, call, setting=setting, origin=origin)

    def health_check(self, plugin: str, check: HealthCheck) -> HealthCheck:
        """Return a health check of a plugin whose failure names the plugin in the log, besides in `/ready`."""

        async def run() -> None:
            await self._answer(plugin, f"health check {check.name}", check.limit, check.run_check)

        # The own limit of the check ends first.
        return dataclasses.replace(check, run_check=run, limit=check.limit + 1)

    def message_action(self, plugin: str, action: MessageAction) -> MessageAction:
        """Return an action of a plugin whose failure is logged with its name."""

        async def run(request: ActionRequest) -> Any:
            doing, run = f"message action {action.id}", partial(action.run, request)
            return await self._answer(plugin, doing, action.time_limit, run)

        return dataclasses.replace(action, run=run, time_limit=action.time_limit + 1)

    def database_check(self, plugin: str, check: DatabaseCheck) -> DatabaseCheck:
        """Return a database check of a plugin that reports its own failure as a fault."""

        async def find() -> Sequence[str]:
            try:
                found: Sequence[str] = await self.call_async(
                    plugin, f"database check {check.name}", check.find, origin=check.find
                )
                return found
            except PluginError as error:
                at = f" at {error.at}" if error.at else ""
                kind = type(error.__cause__).__name__
                return [f"the check {check.name!r} of plugin {plugin!r} failed: {kind}{at}"]

        return dataclasses.replace(check, find=find)

    async def _answer(
        self,
        plugin: str,
        doing: str,
        limit: float | None,
        call: Callable[[], Any],
        *,
        setting: str = "",
        origin: object = None,
    ) -> Any:
        """Return what a plugin answers. `origin`: its function; None = `call`. Raises: PluginError; DomainError as the plugin does."""
        try:
            return await self.within(limit, setting, call)
        except DomainError:
            raise
        except BaseException as error:
            if not is_failure(error):
                raise
            raise self.error(plugin, doing, error, origin=origin or call) from error

    async def handle_socket_event(
        self, plugin: str, doing: str, handle: Callable[[], Awaitable[Any]], limit: float
    ) -> Any:
        """Have a plugin handle an event of a socket. `limit`: seconds.

        Raises: PluginError; DomainError if the plugin refuses the event.
        """
        return await self._answer(plugin, doing, limit, handle, setting="sockets.handler_timeout")

    async def run_task(self, plugin: str, doing: str, run: Callable[[], Awaitable[Any]]) -> Any:
        """Have a plugin run one try of a task. Raises: PluginError, for `SystemExit` too; DomainError as the plugin does.

        A cancellation is raised as such.
        """
        try:
            return await run()
        except (DomainError, asyncio.CancelledError):
            raise
        except BaseException as error:
            if not is_failure(error):
                raise
            raise self.error(plugin, doing, error) from error

    async def _finish(
        self, plugin: str, doing: str, pending: Awaitable[None], handle: object
    ) -> None:
        limit = None if plugin == "portico" else self.limits.event_limit
        try:
            await self.within(limit, "plugins.event_limit", lambda: pending)
        except BaseException as error:
            if not is_failure(error):
                raise
            self.log_failure(plugin, doing, error, handle)


def is_failure_outside_tasks(error: BaseException) -> bool:
    """Return whether a plugin failed by raising this in a plain function: everything but Ctrl-C."""
    return not isinstance(error, KeyboardInterrupt | GeneratorExit) or is_failure(error)
