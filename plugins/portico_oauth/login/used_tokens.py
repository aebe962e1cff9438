"""Values that may be used once: states of sign-ins and logout tokens."""

import hashlib

from portico.api.db import fetch_all

#: By which the clocks of two instances may differ.
CLOCK_SKEW_SECONDS = 600
_INSERT = (
    "INSERT INTO oauth_used_token (id, expires_at) VALUES ($1, $2) "
    "ON CONFLICT (id) DO NOTHING RETURNING id"
)


class UsedTokens:
    """The used values of all instances, as hashes, stored until they expire."""

    async def use(self, kind: str, token: str, expires_at: int) -> bool:
        """Mark a value as used, and return whether this was the first time. `expires_at`: epoch seconds."""
        digest = hashlib.sha256(f"{kind}:{token}".encode("utf-8", "surrogatepass")).hexdigest()
        return bool(await fetch_all(_INSERT, digest, expires_at + CLOCK_SKEW_SECONDS))
