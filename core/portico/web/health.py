"""Health checks: whether this process is alive (`/health`) and ready for requests (`/ready`), with reasons."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from portico.db import current_database
from portico.errors import DomainError, Unavailable
from portico.plugin_errors.plugin_exit import PluginFault
from portico.redis import RedisConnection
from portico.time_limit import LimitExceeded
from portico.web.drain import Drain
from portico.web.health_check import HealthCheck
from portico.web.response.json_response import JSONResponse
from portico.web.routes import get


def redis_check(redis: RedisConnection) -> list[tuple[str, HealthCheck]]:
    """Return the health check of Redis, if Redis is configured. It is critical only with `redis.required`."""
    if not redis.configured:
        return []
    return [("portico", HealthCheck("redis", redis.probe, critical=redis.settings.required))]


def schema_check(unknown: Mapping[str, Sequence[str]]) -> list[tuple[str, HealthCheck]]:
    """Return a check that reports a database schema of a newer release. `unknown`: its migrations, by owner."""

    async def report() -> None:
        raise Unavailable(
            "a newer release has changed the schema; this one was started with --force"
        )

    return [("portico", HealthCheck("schema", report, critical=False))] if unknown else []


async def run_check(plugin: str, check: HealthCheck) -> dict[str, Any] | None:
    """Run a check. Returns None if it succeeds, else its name and a reason without confidential details."""
    try:
        async with asyncio.timeout(check.limit):
            await check.run_check()
    except TimeoutError:
        reason = f"no answer within {check.limit:g} s"
    except DomainError as refusal:
        reason = refusal.detail
    except PluginFault as fault:
        match fault.__cause__:
            case LimitExceeded() as late:
                reason = f"no answer within {late.seconds:g} s"
            case cause:
                reason = type(cause).__name__
    except Exception as error:  # noqa: BLE001 - a check may fail in any way
        reason = type(error).__name__
    else:
        return None
    return {"check": check.name, "plugin": plugin, "critical": check.critical, "reason": reason}


def health_routes(
    database: Callable[[], Awaitable[None]],
    checks: Iterable[tuple[str, HealthCheck]],
    faults: Callable[[], list[dict[str, str]]],
    drain: Drain,
) -> Sequence[Any]:
    """Return the routes for supervisors, load balancers and monitoring.

    `database`: the health check of the database; it writes. `faults`: of plugins, as
    `PluginRegistry.public_faults`; they are listed, and do not make the server unready.
    """
    probes = [("portico", HealthCheck("database", database)), *checks]

    @get("/health", access="public", tags=["health"])
    async def health() -> JSONResponse:
        """Check that this process answers."""
        return JSONResponse(b'{"status":true}')

    @get("/health/db", access="public", tags=["health"])
    async def health_db() -> JSONResponse:
        """Check that the database answers. 503 if it does not."""
        await current_database().ping()
        return JSONResponse(b'{"status":true}')

    @get("/ready", access="public", tags=["health"])
    async def ready() -> JSONResponse:
        """Check whether this server is ready for requests. 503 if a critical check fails or it is shutting down."""
        found = await asyncio.gather(*(run_check(plugin, check) for plugin, check in probes))
        reasons = [reason for reason in found if reason]
        reasons += [{"check": "plugin", "critical": False} | fault for fault in faults()]
        if drain.announced:
            reasons.append(
                {
                    "check": "shutdown",
                    "plugin": "portico",
                    "critical": True,
                    "reason": "stopping",
                }
            )
        is_ready = not any(reason["critical"] for reason in reasons)
        body = msgspec.json.encode({"status": is_ready, "reasons": reasons})
        return JSONResponse(body, status=200 if is_ready else 503)

    return health, health_db, ready
