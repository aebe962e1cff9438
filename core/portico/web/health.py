"""Whether this process is alive (`/health`) and fit to serve (`/ready`), with reasons."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from portico.db import current_database
from portico.errors import DomainError, Unavailable
from portico.redis import RedisConnection
from portico.web.drain import Drain
from portico.web.response.json_response import JSONResponse
from portico.web.routes import get


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A named probe. It raises when something is wrong; the exception's `detail` is the reason shown.

    `critical`: a failing probe makes `/ready` answer 503; else it is only told. `limit`: seconds.
    """

    name: str
    run_check: Callable[[], Awaitable[None]]
    critical: bool = True
    limit: float = 2.0


def redis_check(redis: RedisConnection) -> list[tuple[str, HealthCheck]]:
    """The probe of a Redis, where there is one. While it is away we are fit, unless the operator says otherwise."""
    if not redis.configured:
        return []
    return [("portico", HealthCheck("redis", redis.probe, critical=redis.settings.required))]


def schema_check(unknown: Mapping[str, Sequence[str]]) -> list[tuple[str, HealthCheck]]:
    """Says that this release was forced upon a schema of a newer one. `unknown`: the steps of that, by owner."""

    async def told() -> None:
        raise Unavailable(
            "a newer release has changed the schema; this one was started with --force"
        )

    return [("portico", HealthCheck("schema", told, critical=False))] if unknown else []


async def run_check(plugin: str, check: HealthCheck) -> dict[str, Any] | None:
    """None if all is well, else the name of the check and a reason fit for anybody's eyes."""
    try:
        async with asyncio.timeout(check.limit):
            await check.run_check()
    except TimeoutError:
        reason = f"no answer within {check.limit:g} s"
    except DomainError as refusal:
        reason = refusal.detail
    except Exception as error:  # noqa: BLE001 - a probe may fail in any way; that is what it is for
        reason = type(error).__name__
    else:
        return None
    return {"check": check.name, "plugin": plugin, "critical": check.critical, "reason": reason}


def health_routes(
    database: Callable[[], Awaitable[None]],
    checks: Iterable[tuple[str, HealthCheck]],
    set_aside: Callable[[], list[str]],
    drain: Drain,
) -> Sequence[Any]:
    """The routes that a supervisor, a load balancer and a person with `curl` ask.

    `database`: the probe of the database; it writes. `failed_plugins`: names of the plugins that failed; their absence is
    told, and does not make us unfit.
    """
    probes = [("portico", HealthCheck("database", database)), *checks]

    @get("/health", access="public", tags=["health"])
    async def health() -> JSONResponse:
        """This process answers."""
        return JSONResponse(b'{"status":true}')

    @get("/health/db", access="public", tags=["health"])
    async def health_db() -> JSONResponse:
        """The database answers; 503 if it does not."""
        await current_database().ping()
        return JSONResponse(b'{"status":true}')

    @get("/ready", access="public", tags=["health"])
    async def ready() -> JSONResponse:
        """Send requests here, or not, and why. 503 when a critical check fails or the server is shutting down."""
        found = await asyncio.gather(*(run_check(plugin, check) for plugin, check in probes))
        reasons = [reason for reason in found if reason]
        reasons += [
            {"check": "plugin", "plugin": name, "critical": False, "reason": "set aside"}
            for name in set_aside()
        ]
        if drain.announced:
            reasons.append(
                {
                    "check": "shutdown",
                    "plugin": "portico",
                    "critical": True,
                    "reason": "stopping",
                }
            )
        fit = not any(reason["critical"] for reason in reasons)
        body = msgspec.json.encode({"status": fit, "reasons": reasons})
        return JSONResponse(body, status=200 if fit else 503)

    return health, health_db, ready
