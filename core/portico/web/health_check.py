"""The health checks that the core and plugins have, for `/ready`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A named health check. It raises an exception if something is wrong; a `DomainError`'s `detail` is the reason shown.

    `critical`: if it fails, `/ready` answers 503; else the failure is only listed. `limit`: seconds.
    """

    name: str
    run_check: Callable[[], Awaitable[None]]
    critical: bool = True
    limit: float = 2.0
