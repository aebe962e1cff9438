"""The figures of the core, and reading them together with those of plugins."""

import inspect
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from portico import __version__
from portico.errors import DomainError
from portico.gateway import SourceActivity
from portico.metrics import Metric, MetricReading, Reading
from portico.plugins.isolation import PluginError, PluginIsolation
from portico.tasks import Tasks
from portico.wiring import CoreServices

#: Series of one metric that are shown. More would be a label whose values are not bounded.
MAX_SERIES = 2000
#: Seconds that one metric has to be read.
READ_LIMIT = 2.0


def core_metrics(core: CoreServices) -> list[Metric]:
    """Return the figures of the core: responses, streams, sources, sockets, tasks, plugins and the event loop."""
    counters, sockets = core.counters, core.sockets
    return [
        Metric(
            "instance_info",
            "The release and the id of this process.",
            "gauge",
            lambda: {(__version__, core.instance.id): 1.0},
            ("version", "instance"),
        ),
        Metric(
            "responses",
            "Responses by route template and status class; without a template: no route fits.",
            "counter",
            lambda: {
                (route, f"{status}xx"): float(count)
                for (route, status), count in list(counters.responses.items())
            },
            ("route", "status"),
        ),
        Metric(
            "open_streams",
            "Responses of models that are being sent.",
            "gauge",
            lambda: counters.open_streams,
        ),
        *_source_metrics(core),
        Metric(
            "open_sockets",
            "Socket.IO connections.",
            "gauge",
            lambda: sockets.counts.sockets,
        ),
        Metric(
            "signed_in_sockets",
            "Socket.IO connections on which an account is signed in.",
            "gauge",
            lambda: sockets.counts.signed_in,
        ),
        Metric(
            "socket_connections",
            "Socket.IO connections that were opened.",
            "counter",
            lambda: sockets.counts.since_start.opened,
        ),
        Metric(
            "slow_sockets_closed",
            "Socket.IO connections that were closed because their client read too slowly.",
            "counter",
            lambda: sockets.counts.since_start.dropped,
        ),
        Metric(
            "socket_events_received",
            "Events that clients sent.",
            "counter",
            lambda: sockets.counts.since_start.events,
        ),
        Metric(
            "tasks",
            "Background tasks of all instances that wait, and that run.",
            "gauge",
            partial(_task_counts, core.tasks),
            ("status",),
            is_shared=True,
        ),
        Metric(
            "tasks_oldest_due_seconds",
            "For how long the oldest task that is due has waited.",
            "gauge",
            core.tasks.oldest_due_age,
            is_shared=True,
        ),
        Metric(
            "plugin_errors",
            "Requests that ended with 500, by the plugin that failed.",
            "counter",
            lambda: {(name,): float(one.errors) for name, one in counters.plugins.items()},
            ("plugin",),
        ),
        Metric(
            "plugin_failures",
            "Calls into plugins, other than requests, that raised or took too long.",
            "counter",
            lambda: {(name,): float(one.failures) for name, one in counters.plugins.items()},
            ("plugin",),
        ),
        Metric(
            "event_loop_blocked_seconds",
            "For how long plugins have blocked the event loop longer than server.loop_limit.",
            "counter",
            lambda: {(name,): one.stalled_seconds for name, one in counters.plugins.items()},
            ("plugin",),
        ),
        Metric(
            "event_loop_lag_seconds",
            "How long a callback waited for the event loop, measured ten times a second.",
            "histogram",
            lambda: counters.loop_lag,
        ),
    ]


def _source_metrics(core: CoreServices) -> list[Metric]:
    """Return the figures of model sources, by their names."""

    def activities() -> list[SourceActivity]:
        return [core.gateway.activity(source) for source in core.catalogue.sources()]

    return [
        Metric(
            "source_calls",
            "Calls of model sources, by source and outcome.",
            "counter",
            lambda: {
                (one.name, outcome): float(count)
                for one in activities()
                for outcome, count in one.calls.items()
            },
            ("source", "outcome"),
        ),
        Metric(
            "source_calls_in_flight",
            "Calls that a model source is answering.",
            "gauge",
            lambda: {(one.name,): float(one.in_flight) for one in activities()},
            ("source",),
        ),
        Metric(
            "source_breaker_open",
            "Whether a model source is not asked because it failed: 0, or 1 until it answers again.",
            "gauge",
            lambda: {(one.name,): float(one.breaker != "closed") for one in activities()},
            ("source",),
        ),
    ]


async def _task_counts(tasks: Tasks) -> Reading:
    return {(status,): float(count) for status, count in (await tasks.counts()).items()}


async def read_all(
    isolation: PluginIsolation, metrics: Sequence[tuple[str, Metric]]
) -> list[MetricReading]:
    """Read metrics, each with its owner; empty = the core. One that cannot be read is logged and left out."""
    found = []
    for owner, metric in metrics:
        with suppress(PluginError):
            value = await _read(isolation, owner, metric)
            if value is not None:
                found.append(MetricReading(owner, metric, value))
    return found


async def _read(isolation: PluginIsolation, owner: str, metric: Metric) -> Reading | None:
    """Read one metric; None while it cannot be read, as without a database. Raises: PluginError."""

    async def read() -> Reading | None:
        try:
            value = metric.read()
            return await value if inspect.isawaitable(value) else value
        except DomainError:
            return None

    value: Reading | None = await isolation.call_async(
        owner or "portico",
        f"reading the metric {metric.name}",
        read,
        limit=READ_LIMIT,
        origin=metric.read,
    )
    if isinstance(value, dict) and len(value) > MAX_SERIES:
        return dict(list(value.items())[:MAX_SERIES])
    return value
