"""How often somebody may try to get in, by account and by address."""

from portico.limits.attempt import Attempt
from portico.limits.limiter import Limiter
from portico.limits.tables import TABLES

__all__ = ["TABLES", "Attempt", "Limiter"]
