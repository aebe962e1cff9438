"""Detects code that blocks the event loop, logs it with its stack and counts it by plugin.

While a handler or a plugin computes or waits without `await`, no other request is answered. A thread schedules a
callback on the loop ten times a second; if the callback does not run in time, the current stack of the loop's thread
shows what blocks it.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

import structlog

from portico.web.counters import Counters

log = structlog.get_logger("portico.web")

#: Seconds between two probes of the loop.
PROBE_SECONDS = 0.1
#: Seconds in which one place gets one log line, however often it blocks.
QUIET_SECONDS = 10.0
#: Frames of a stack that are logged, the innermost ones.
MAX_FRAMES = 15
#: Places whose last line is remembered.
MAX_PLACES = 100
#: Packages whose frames are left out of the stack, since they do not show the cause.
_MACHINERY = (
    "asyncio",
    "uvloop",
    "granian",
    "litestar",
    "contextlib",
    "anyio",
    "threading",
    "concurrent",
)
_CORE = "portico"


@dataclass(frozen=True, slots=True)
class Stall:
    """What the loop executed while it was blocked. `trace`: from the outermost to the innermost place.

    `route`: its template, or the path of a request that has none. `task`: the type of a background task.
    """

    plugin: str
    method: str = ""
    route: str = ""
    template: str = ""
    task: str = ""
    trace: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The route or the type of task; empty = neither. One of few: never a path."""
        if self.task:
            return f"task {self.task}"
        return f"{self.method} {self.template}" if self.template else ""

    @property
    def at(self) -> str:
        """The innermost place: file, line and function."""
        return self.trace[-1] if self.trace else "unknown: something held the whole interpreter"


class LoopWatch:
    """Watches the event loop of one application.

    `limit`: seconds of blocking from which on it is logged and counted; 0 = off. `plugins`: names of plugins by their
    top module. `middleware_code`: the code object whose local variable `scope` is the request that is being served, None in
    a process that serves none. `task_types`: the names of background tasks.
    """

    def __init__(
        self,
        limit: float,
        counters: Counters,
        plugins: Callable[[], Mapping[str, str]],
        middleware_code: CodeType | None = None,
        task_types: Callable[[], Container[str]] = frozenset,
    ) -> None:
        self._task_types = task_types
        self._limit, self._counters, self._plugins, self._middleware_code = (
            limit,
            counters,
            plugins,
            middleware_code,
        )
        self._stopped = threading.Event()
        self._last_logged: dict[str, tuple[float, int]] = {}

    def start(self) -> None:
        """Start the watching thread for the running loop."""
        if self._limit:
            self._stopped.clear()
            arguments = asyncio.get_running_loop(), threading.get_ident()
            threading.Thread(
                target=self._work, args=arguments, name="loop-watch", daemon=True
            ).start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()

    def _work(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        answered = threading.Event()
        ran_at = 0.0

        def answer() -> None:
            nonlocal ran_at
            ran_at = time.monotonic()
            answered.set()

        while not self._stopped.wait(PROBE_SECONDS):
            answered.clear()
            scheduled_at, computed = time.monotonic(), time.process_time()
            try:
                loop.call_soon_threadsafe(answer)
            except RuntimeError:
                return  # the loop is closed
            in_time = answered.wait(self._limit)
            seconds = time.monotonic() - scheduled_at
            if seconds < self._limit:
                self._counters.loop_lag.observe(max(0.0, ran_at - scheduled_at))
                continue
            if seconds > 2 * self._limit and time.process_time() - computed < seconds / 10:
                # This thread did not run either, and nothing was computed: the whole process was suspended.
                answered.wait(self._limit)
                continue
            stall = Stall(_CORE) if in_time else self._inspect(loop, thread)
            self._log_stall(stall, seconds)
            while not answered.wait(self._limit):
                if self._stopped.is_set():
                    break
            self._counters.loop_lag.observe(time.monotonic() - scheduled_at)
            self._counters.stalled(stall.plugin, time.monotonic() - scheduled_at, stall.place)

    def _inspect(self, loop: asyncio.AbstractEventLoop, thread: int) -> Stall:
        """Return what the thread of the loop executes now."""
        running = asyncio.current_task(loop)
        name = "" if running is None else running.get_name()
        frame: FrameType | None = sys._current_frames().get(thread)
        plugins = self._plugins()
        plugin = ""
        scope: Mapping[str, Any] = {}
        trace: list[str] = []
        while frame is not None:
            module = str(frame.f_globals.get("__name__", ""))
            plugin = plugin or _plugin(module, plugins)
            if frame.f_code is self._middleware_code:
                scope = frame.f_locals.get("scope") or {}
            if len(trace) < MAX_FRAMES and (
                not trace or module.partition(".")[0] not in _MACHINERY
            ):
                file = "/".join(frame.f_code.co_filename.split("/")[-2:])
                trace.append(f"{file}:{frame.f_lineno} {frame.f_code.co_name}")
            frame = frame.f_back
        handler: Any = scope.get("route_handler")
        plugin = plugin or str(getattr(handler, "opt", {}).get("plugin", _CORE))
        template = str(scope.get("path_template", ""))
        method = str(scope.get("method", "WEBSOCKET")) if scope else ""
        return Stall(
            plugin,
            method,
            template or str(scope.get("path", "")),
            template,
            name if name in self._task_types() else "",
            tuple(reversed(trace)),
        )

    def _log_stall(self, stall: Stall, seconds: float) -> None:
        now = time.monotonic()
        last, left_out = self._last_logged.get(stall.at, (-QUIET_SECONDS, 0))
        if now - last < QUIET_SECONDS:
            self._last_logged[stall.at] = last, left_out + 1
            return
        if len(self._last_logged) >= MAX_PLACES:
            self._last_logged.clear()
        self._last_logged[stall.at] = now, 0
        log.warning(
            "event loop blocked",
            plugin=stall.plugin,
            method=stall.method,
            route=stall.route,
            task=stall.task,
            seconds=round(seconds, 2),
            at=stall.at,
            trace=list(stall.trace),
            since_last_line=left_out,
        )


def _plugin(module: str, plugins: Mapping[str, str]) -> str:
    """Return the plugin that a module belongs to, or ""."""
    while module:
        if module in plugins:
            return plugins[module]
        module = module.rpartition(".")[0]
    return ""
