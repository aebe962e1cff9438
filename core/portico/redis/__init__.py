"""Redis, for those who have one: what instances count and say together. Nothing needs it."""

from portico.redis.link import Away, Redis

__all__ = ["Away", "Redis"]
