"""The figures of the core, and reading them together with those of plugins."""

import asyncio
import inspect
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from portico.boot.service_metrics import (
    audit_metrics,
    cache_metrics,
    database_metrics,
    instance_metrics,
    redis_metrics,
    socket_metrics,
    source_metrics,
    task_metrics,
)
from portico.errors import DomainError
from portico.metrics import MAX_SERIES, OTHER, Metric, MetricReading, Reading, bounded
from portico.plugins.isolation import PluginError, PluginIsolation
from portico.tasks import Tasks
from portico.web.counters import Counters
from portico.wiring import CoreServices

#: Places that block the event loop which have series of their own.
MAX_PLACES = 200
#: Seconds that metrics have to be read.
READ_LIMIT = 2.0
#: Seconds in which one of a plugin that goes on is left where it is.
LEAVING_SECONDS = 0.5


def core_metrics(core: CoreServices) -> list[Metric]:
    """Return the figures of the core."""
    return [
        *instance_metrics(core.instance, core.instance_channel),
        *_request_metrics(core.counters),
        *_plugin_metrics(core.counters, core.tasks),
        *_loop_metrics(core.counters),
        *source_metrics(core.gateway, core.catalogue),
        *socket_metrics(core.sockets),
        *task_metrics(core.tasks),
        *audit_metrics(),
        *database_metrics(core.database),
        *redis_metrics(core.redis),
        *cache_metrics(
            {
                **core.identity.caches,
                **core.permissions.caches,
                **core.catalogue.caches,
                "settings": core.settings_store.cache,
            }
        ),
    ]


def _request_metrics(counters: Counters) -> list[Metric]:
    return [
        Metric(
            "responses",
            "Responses by route template and status; without a template: no route fits.",
            "counter",
            lambda: {
                (route, str(status)): count
                for route, one in counters.routes.items()
                for status, count in one.statuses.items()
            },
            ("route", "status"),
        ),
        Metric(
            "response_seconds",
            "Seconds between a request and the beginning of its response, by route template.",
            "histogram",
            lambda: {(route,): one.seconds for route, one in counters.routes.items()},
            ("route",),
        ),
        Metric(
            "open_streams",
            "Responses of models that are being sent.",
            "gauge",
            lambda: counters.open_streams,
        ),
        Metric(
            "ended_streams",
            "Responses of models that have ended: sent, disconnected by the client, revoked with their session, or stopping.",
            "counter",
            lambda: {(end,): count for end, count in counters.ended_streams.items()},
            ("end",),
        ),
    ]


def _plugin_metrics(counters: Counters, tasks: Tasks) -> list[Metric]:
    def seconds() -> Reading:
        found: dict[tuple[str, ...], float] = {}
        for route in counters.routes.values():
            key = route.plugin, "requests"
            found[key] = found.get(key, 0.0) + route.seconds.total
        for task in tasks.counters.values():
            key = task.plugin, "tasks"
            found[key] = found.get(key, 0.0) + task.seconds.total
        return found

    return [
        Metric(
            "plugin_seconds",
            "Seconds until the responses of a plugin began, and its tasks ended, waiting for others included.",
            "counter",
            seconds,
            ("plugin", "work"),
        ),
        Metric(
            "plugin_errors",
            "Requests that ended with 500, by the plugin that failed.",
            "counter",
            lambda: {(name,): one.errors for name, one in counters.plugins.items()},
            ("plugin",),
        ),
        Metric(
            "plugin_failures",
            "Calls into plugins, other than requests, that raised or took too long.",
            "counter",
            lambda: {(name,): one.failures for name, one in counters.plugins.items()},
            ("plugin",),
        ),
    ]


def _loop_metrics(counters: Counters) -> list[Metric]:
    def blocked() -> Reading:
        found: dict[tuple[str, ...], float] = {}
        for number, ((plugin, place), seconds) in enumerate(list(counters.blocked.items())):
            key = plugin, place if number < MAX_PLACES else OTHER
            found[key] = found.get(key, 0.0) + seconds
        return found

    return [
        Metric(
            "event_loop_blocked_seconds",
            "For how long plugins have blocked the event loop longer than server.loop_limit, by route or task.",
            "counter",
            blocked,
            ("plugin", "place"),
        ),
        Metric(
            "event_loop_lag_seconds",
            "How long a callback waited for the event loop, measured ten times a second.",
            "histogram",
            lambda: counters.loop_lag,
        ),
    ]


class MetricReader:
    """Reads metrics, all at once, within READ_LIMIT. One that cannot be read is left out, and logged if it is a plugin's."""

    def __init__(self, isolation: PluginIsolation) -> None:
        self._isolation = isolation
        #: Reads that were told to end and have not, by the owner and the metric.
        self._late: dict[tuple[str, str], asyncio.Task[MetricReading | None]] = {}

    async def read(self, metrics: Sequence[tuple[str, Metric]]) -> list[MetricReading]:
        """Return what metrics are read as. Each is given with its owner; empty = the core."""
        reads = {
            asyncio.create_task(self._read(owner, metric)): (owner, metric)
            for owner, metric in metrics
            if (owner, metric.name) not in self._late
        }
        if not reads:
            return []
        try:
            await asyncio.wait(reads, timeout=READ_LIMIT + LEAVING_SECONDS)
        finally:
            for task, (owner, metric) in reads.items():
                if not task.done():
                    self._end(task, (owner, metric.name))
        return [one for task in reads if task.done() and (one := task.result()) is not None]

    def _end(self, task: asyncio.Task[MetricReading | None], key: tuple[str, str]) -> None:
        """Have a read end that takes too long. It is not waited for, since it has to return its connection."""
        self._late[key] = task
        task.add_done_callback(lambda _: self._late.pop(key))
        task.cancel()

    async def _read(self, owner: str, metric: Metric) -> MetricReading | None:
        """Read one metric; None if it cannot be read, as without a database."""

        async def read() -> Reading | None:
            try:
                value = metric.read()
                found: Reading = await value if inspect.isawaitable(value) else value
            except DomainError:
                return None
            if isinstance(found, Mapping) and len(found) > MAX_SERIES:
                copied: Any = dict(found)  # it may grow meanwhile
                return await asyncio.to_thread(bounded, copied, metric)
            return bounded(found, metric)

        with suppress(PluginError):
            value: Reading | None = await self._isolation.call_async(
                owner or "portico",
                f"reading the metric {metric.name}",
                read,
                # The core waits for nothing but the database, and ends when it is cancelled.
                limit=READ_LIMIT if owner else None,
                origin=metric.read,
            )
            return None if value is None else MetricReading(owner, metric, value)
        return None
