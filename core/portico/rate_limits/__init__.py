"""How often somebody may try to get in, by account and by address."""

from portico.rate_limits.attempt import Attempt
from portico.rate_limits.limiter import RateLimiter
from portico.rate_limits.tables import TABLES

__all__ = [
    "TABLES",
    "Attempt",
    "RateLimiter",
]
