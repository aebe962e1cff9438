"""Values that may be used once: states of sign-ins and logout tokens."""

import hashlib

from portico.api.db import execute, fetch_all, now

#: By which the clocks of two instances may differ.
CLOCK_SKEW_SECONDS = 600
DELETE_EXPIRED_SECONDS = 600
_INSERT = (
    "INSERT INTO oauth_used_token (id, expires_at) VALUES ($1, $2) "
    "ON CONFLICT (id) DO NOTHING RETURNING id"
)


class UsedTokens:
    """The used values of all instances, as hashes, stored until they expire."""

    def __init__(self) -> None:
        self._delete_at = 0

    async def use(self, kind: str, token: str, expires_at: int) -> bool:
        """Mark a value as used, and return whether this was the first time. `expires_at`: epoch seconds."""
        await self._delete_expired()
        digest = hashlib.sha256(f"{kind}:{token}".encode("utf-8", "surrogatepass")).hexdigest()
        return bool(await fetch_all(_INSERT, digest, expires_at + CLOCK_SKEW_SECONDS))

    async def _delete_expired(self) -> None:
        if now() >= self._delete_at:
            self._delete_at = now() + DELETE_EXPIRED_SECONDS
            await execute("DELETE FROM oauth_used_token WHERE expires_at < $1", now())
