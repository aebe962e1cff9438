"""Rate limits of sign-in attempts and of copies, by account and by client address."""

from portico.rate_limits.attempt import Attempt
from portico.rate_limits.limiter import RateLimiter
from portico.rate_limits.tables import TABLES

__all__ = [
    "TABLES",
    "Attempt",
    "RateLimiter",
]
