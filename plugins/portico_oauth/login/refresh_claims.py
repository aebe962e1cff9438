"""Which process refreshes a stored token: the one whose claim is in the row. A claim expires by the database's clock."""

import asyncio
from typing import Final

from portico.api.db import execute, fetch_one, new_id, with_clock
from portico_oauth.login.token_store import StoredToken

#: Interval at which a process that waits for another one reads the row.
POLL_SECONDS: Final = 0.1
#: A claim that lasts longer than this was made before the database's clock was set back, and does not count.
MAX_CLAIM_SECONDS: Final = 300

_IS_HELD: Final = f"refresh_claimed_until > {{clock}} AND refresh_claimed_until <= {{clock}} + {MAX_CLAIM_SECONDS}"
_TAKE: Final = (
    "UPDATE oauth_session SET refresh_claim = $1, refresh_claimed_until = {clock} + CAST($2 AS DOUBLE PRECISION) "  # noqa: S608
    f"WHERE id = $3 AND token = $4 AND (refresh_claimed_until IS NULL OR NOT ({_IS_HELD}))"
)
_RELEASE: Final = (
    "UPDATE oauth_session SET refresh_claim = NULL, refresh_claimed_until = NULL "
    "WHERE id = $1 AND refresh_claim = $2"
)
_DELETE: Final = "DELETE FROM oauth_session WHERE id = $1 AND token = $2 AND refresh_claim = $3"
_STATE: Final = (
    f"SELECT refresh_claim, CASE WHEN {_IS_HELD} THEN 1 ELSE 0 END AS is_held "  # noqa: S608
    "FROM oauth_session WHERE id = $1 AND token = $2"
)


class RefreshClaims:
    """The claims in the table `oauth_session`. Each is about one version of a token, and never a lock of the database.

    `seconds`: after which another process may take the claim of one that was killed.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = min(seconds, MAX_CLAIM_SECONDS)

    async def take(self, token: StoredToken) -> str | None:
        """Return the id of a new claim; None if another process has one, or the token was replaced or deleted."""
        claim = new_id()
        taken = await execute(with_clock(_TAKE), claim, self._seconds, token.id, token.encrypted)
        return claim if taken else None

    async def wait(self, token: StoredToken) -> bool:
        """Wait while another process has the claim. Return whether it is free because that process was killed.

        False: the other process has replaced or deleted the token, or could not refresh it.
        """
        while True:
            state = await fetch_one(with_clock(_STATE), token.id, token.encrypted)
            if state is None or state["refresh_claim"] is None:
                return False
            if not state["is_held"]:
                return True
            await asyncio.sleep(POLL_SECONDS)

    async def release(self, token: StoredToken, claim: str) -> None:
        """End a claim; the token stays as it is."""
        await execute(_RELEASE, token.id, claim)

    async def delete_token(self, token: StoredToken, claim: str) -> bool:
        """Delete this version of a token, unless the claim has expired and another process has taken it.

        Return whether it was deleted.
        """
        return bool(await execute(_DELETE, token.id, token.encrypted, claim))
