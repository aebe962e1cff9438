"""What has ended is told to the other instances through Redis, where there is one. They ask the store sooner then.

The word is never taken for more than that: who hears nothing asks within the moment, and nobody is let in or sent away
by what Redis says. For other programs that look there, a sign-in that has ended is marked as the clients' contract
has it: `<prefix>:auth:token:<jti>:revoked` = 1, for as long as its token would have lasted.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from portico.db import now
from portico.events import Listener
from portico.identity.events import AccountChanged, AccountDeleted, ApiKeyRevoked, SessionRevoked
from portico.redis import RedisConnection, RedisUnavailable

CHANNEL = ("auth", "ended")
#: Seconds for which the end of a sign-in is marked whose token lasts for ever.
MAX_MARKER_SECONDS = 365 * 86400
#: How many words may wait to be said. Beyond that they are not said, and heard of within the moment.
MAX_PENDING = 1000

OnRevocation = Callable[[str], None]


class RevocationBroadcaster:
    """Says and hears whose sign-ins have ended. `hear`: called with the id of each such account."""

    def __init__(self, redis: RedisConnection, on_revocation: OnRevocation) -> None:
        self._redis = redis
        self._on_revocation = on_revocation
        self._sending: set[asyncio.Task[None]] = set()

    def listeners(self) -> list[Listener]:
        """What is told: nothing, where there is no Redis."""
        if not self._redis.configured:
            return []
        return [
            Listener(SessionRevoked, self._revoked),
            Listener(ApiKeyRevoked, lambda event: self._publish(event.account_id)),
            Listener(AccountDeleted, lambda event: self._publish(event.id)),
            Listener(AccountChanged, lambda event: self._publish(event.id)),
        ]

    def start(self) -> None:
        """Begin to listen."""
        self._redis.listen(self._redis.key(*CHANNEL), self._on_message)

    async def stop(self) -> None:
        """Have said what was to be said."""
        if self._sending:
            await asyncio.wait(self._sending)

    def _revoked(self, event: SessionRevoked) -> None:
        self._publish(event.account_id, event.session_id, event.expires_at)

    def _publish(
        self, account_id: str, session_id: str | None = None, expires_at: int | None = None
    ) -> None:
        if self._redis.away or len(self._sending) >= MAX_PENDING:
            return
        task = asyncio.create_task(self._send(account_id, session_id, expires_at))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, account_id: str, session_id: str | None, expires_at: int | None) -> None:
        lasts = MAX_MARKER_SECONDS if expires_at is None else expires_at - now()

        async def tell(client: Any) -> None:
            if session_id is not None and lasts > 0:
                mark = self._redis.key("auth", "token", session_id, "revoked")
                await client.set(mark, "1", ex=lasts)
            await client.publish(self._redis.key(*CHANNEL), msgspec.json.encode(account_id))

        try:
            await self._redis.run(tell)
        except RedisUnavailable:
            return

    def _on_message(self, message: str) -> None:
        try:
            self._on_revocation(msgspec.json.decode(message, type=str))
        except msgspec.MsgspecError:
            return  # somebody else's word
