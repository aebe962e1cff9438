"""When administrators were told of an alert: several processes notice the same thing, again and again."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from portico.api.db import fetch_one, transaction, with_clock

#: Seconds in which administrators are told of the same thing once.
QUIET_SECONDS: Final = 3600
#: Days after which it is forgotten.
KEPT_DAYS: Final = 7

_NOTE: Final = (
    "INSERT INTO webhooks_alert (kind, about, sent_at) VALUES ($1, $2, {clock}) "
    "ON CONFLICT (kind, about) DO UPDATE SET sent_at = excluded.sent_at "
    "WHERE ABS(webhooks_alert.sent_at - excluded.sent_at) > $3 "  # also after the clock was set back
    "RETURNING kind"
)


@contextlib.asynccontextmanager
async def first_in_a_while(kind: str, about: str) -> AsyncIterator[bool]:
    """A transaction; True if administrators were not told of this within the last hour. Then it is noted, with its writes."""
    async with transaction():
        yield await fetch_one(with_clock(_NOTE), kind, about, QUIET_SECONDS) is not None
