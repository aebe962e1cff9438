"""The figures of the core services: instances, sources, sockets, tasks, database, Redis and caches."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from portico import __version__
from portico.audit.chain import broken_seals, unsealed_age
from portico.cache import BytesCache, TTLCache
from portico.catalogue import Catalogue
from portico.db import Database
from portico.gateway import Gateway, SourceActivity
from portico.instances import InstanceChannel, OwnInstance
from portico.metrics import Metric, Reading
from portico.redis import RedisConnection
from portico.sockets import Sockets
from portico.tasks import Tasks


def instance_metrics(instance: OwnInstance, channel: InstanceChannel) -> list[Metric]:
    """Return the release, which instances are alive, and the messages between them."""

    def instances() -> Reading:
        workers = len(channel.live_worker_ids)
        return {("worker",): workers, ("server",): len(channel.live_ids) - workers}

    return [
        Metric(
            "instance_info",
            "The release and the id of this process.",
            "gauge",
            lambda: {(__version__, instance.id): 1.0},
            ("version", "id"),
        ),
        Metric(
            "instances",
            "Live processes that use this database.",
            "gauge",
            instances,
            ("role",),
            is_shared=True,
        ),
        Metric(
            "instance_messages",
            "Messages between instances: sent, received, dropped unsent, rejected as forged, old or repeated.",
            "counter",
            lambda: {(what,): count for what, count in channel.counts._asdict().items()},
            ("outcome",),
        ),
    ]


def source_metrics(gateway: Gateway, catalogue: Catalogue) -> list[Metric]:
    """Return the figures of model sources, by their names."""

    def activities() -> list[SourceActivity]:
        return [gateway.activity(source) for source in catalogue.sources()]

    return [
        Metric(
            "source_calls",
            "Calls of model sources, by source and outcome.",
            "counter",
            lambda: {
                (one.name, outcome): count
                for one in activities()
                for outcome, count in one.calls.items()
            },
            ("source", "outcome"),
        ),
        Metric(
            "source_calls_in_flight",
            "Calls that a model source is answering.",
            "gauge",
            lambda: {(one.name,): one.in_flight for one in activities()},
            ("source",),
        ),
        Metric(
            "source_breaker_open",
            "Whether a model source is not asked because it failed: 0, or 1 until it answers again.",
            "gauge",
            lambda: {(one.name,): float(one.breaker != "closed") for one in activities()},
            ("source",),
        ),
        Metric(
            "source_paused_models",
            "Models for which a source has asked to wait.",
            "gauge",
            lambda: {(one.name,): len(one.paused_models) for one in activities()},
            ("source",),
        ),
    ]


def socket_metrics(sockets: Sockets) -> list[Metric]:
    """Return the figures of Socket.IO connections and rooms."""
    since_start = sockets.counts.since_start
    return [
        Metric("open_sockets", "Socket.IO connections.", "gauge", lambda: sockets.counts.sockets),
        Metric(
            "signed_in_sockets",
            "Socket.IO connections on which an account is signed in.",
            "gauge",
            lambda: sockets.counts.signed_in,
        ),
        Metric(
            "socket_rooms",
            "Rooms with sockets of this process.",
            "gauge",
            lambda: sockets.counts.rooms,
        ),
        Metric(
            "socket_connections",
            "Socket.IO connections that were opened.",
            "counter",
            lambda: since_start.opened,
        ),
        Metric(
            "slow_sockets_closed",
            "Socket.IO connections that were closed because their client read too slowly.",
            "counter",
            lambda: since_start.dropped,
        ),
        Metric(
            "socket_events_received",
            "Events that clients sent.",
            "counter",
            lambda: since_start.events,
        ),
        Metric(
            "socket_events_refused",
            "Events of clients that were answered with an error.",
            "counter",
            lambda: since_start.refused,
        ),
        Metric(
            "socket_requests_forwarded",
            "Requests of polling clients that were passed to the instance that owns their connection.",
            "counter",
            lambda: since_start.forwarded,
        ),
    ]


def audit_metrics() -> list[Metric]:
    """Return the state of the hash chain of the audit log."""
    return [
        Metric(
            "audit_unsealed_seconds",
            "For how long the oldest entry of the audit log that is not sealed has waited.",
            "gauge",
            unsealed_age,
            is_shared=True,
        ),
        Metric(
            "audit_broken_seals",
            "Seals of the audit log that did not continue the hash chain when they were made.",
            "gauge",
            broken_seals,
            is_shared=True,
        ),
    ]


def task_metrics(tasks: Tasks) -> list[Metric]:
    """Return the figures of background tasks: of all instances, and of those that ran in this process."""

    async def counts() -> Reading:
        found: Counter[tuple[str, ...]] = Counter()
        for status in ("pending", "running", "failed"):
            found["", status] = 0  # so that there is a series where no task is
        for (name, status), count in (await tasks.counts()).items():
            found[name if name in tasks.types else "unknown", status] += count
        return found

    return [
        Metric(
            "tasks",
            "Background tasks of all instances by type: that wait, that run, and that failed within the last hour.",
            "gauge",
            counts,
            ("type", "status"),
            is_shared=True,
        ),
        Metric(
            "tasks_oldest_due_seconds",
            "For how long the oldest task that is due has waited.",
            "gauge",
            tasks.oldest_due_age,
            is_shared=True,
        ),
        Metric(
            "task_tries",
            "Tries of background tasks that ended here, by the status of the task afterwards; pending = it is tried again.",
            "counter",
            lambda: {
                (name, status): count
                for name, one in tasks.counters.items()
                for status, count in one.ended.items()
            },
            ("type", "status"),
        ),
        Metric(
            "task_seconds",
            "Seconds that tries of background tasks took here.",
            "histogram",
            lambda: {(name,): one.seconds for name, one in tasks.counters.items()},
            ("type",),
        ),
        Metric(
            "task_wait_seconds",
            "Seconds between when a background task was due and its start here.",
            "histogram",
            lambda: {(name,): one.waits for name, one in tasks.counters.items()},
            ("type",),
        ),
    ]


def database_metrics(database: Database) -> list[Metric]:
    """Return the figures of the database, as its kind has them."""
    timings = database.timings
    found = [
        Metric(
            "database_unavailable",
            "Whether statements fail now: 0 or 1.",
            "gauge",
            lambda: float(database.availability.cause is not None),
        ),
        Metric(
            "database_statement_seconds",
            "Seconds until a statement was answered; of SQLite only those that read.",
            "histogram",
            lambda: timings.statements,
        ),
        Metric(
            "database_commit_seconds",
            "Seconds until a commit was durable.",
            "histogram",
            lambda: timings.commits,
        ),
        Metric(
            "database_wait_seconds",
            "Seconds spent waiting for a connection of the pool, or for the turn to write to the SQLite file.",
            "histogram",
            lambda: timings.waits,
        ),
        Metric(
            "database_waiting",
            "Statements and transactions that wait for a connection, or for the turn to write.",
            "gauge",
            lambda: database.waiting,
        ),
    ]
    if database.dialect == "sqlite":
        return [
            *found,
            Metric(
                "database_batch_writes",
                "Writes that one commit of SQLite made durable.",
                "histogram",
                lambda: timings.batches,
            ),
        ]

    def connections() -> Reading:
        used, idle, most = database.connections or (0, 0, 0)
        return {("used",): used, ("idle",): idle, ("possible",): most}

    return [
        *found,
        Metric(
            "database_connections",
            "Connections of the PostgreSQL pool: used, idle, and how many are possible.",
            "gauge",
            connections,
            ("state",),
        ),
    ]


def redis_metrics(redis: RedisConnection) -> list[Metric]:
    """Return the figures of Redis; none if it is not configured."""
    if not redis.configured:
        return []
    return [
        Metric(
            "redis_unavailable",
            "Whether Redis does not answer: 0 or 1.",
            "gauge",
            lambda: float(redis.is_unavailable),
        ),
        Metric(
            "redis_command_seconds",
            "Seconds until Redis answered.",
            "histogram",
            lambda: redis.seconds,
        ),
        Metric(
            "redis_failed_commands",
            "Commands that Redis did not answer, or refused.",
            "counter",
            lambda: redis.failed,
        ),
    ]


def cache_metrics(caches: Mapping[str, TTLCache[Any, Any] | BytesCache]) -> list[Metric]:
    """Return the figures of caches, by their names."""
    return [
        Metric(
            "cache_lookups",
            "Look-ups in caches of this process, by whether something was found.",
            "counter",
            lambda: {
                key: count
                for name, one in caches.items()
                for key, count in (((name, "hit"), one.hits), ((name, "miss"), one.misses))
            },
            ("cache", "outcome"),
        ),
        Metric(
            "cache_entries",
            "Entries of caches of this process.",
            "gauge",
            lambda: {(name,): len(one) for name, one in caches.items()},
            ("cache",),
        ),
    ]
