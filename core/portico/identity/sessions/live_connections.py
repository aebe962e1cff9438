"""Connections that last longer than a request, and end with what let them in.

A stream or a web socket is watched while it lasts. What this process ends is ended here at once, by the events that
say so. For what other instances end, the store is asked every moment about all that is live, in one statement for five
hundred. Whoever cannot be asked about for a while is let go as well: nothing lives on because nobody knows.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import structlog

from portico.db import chunks, fetch_all, now, placeholders
from portico.events import Listener
from portico.identity.actor import SESSION_CREDENTIAL, Actor
from portico.identity.events import AccountChanged, AccountDeleted, ApiKeyRevoked, SessionRevoked
from portico.identity.providers import TokenAuthenticator
from portico.tasks import PeriodicTask

#: Seconds between two rounds.
RECHECK_SECONDS = 0.4

_VALID = (
    "SELECT id FROM portico_session WHERE id IN ({}) AND (expires_at IS NULL OR expires_at > ${})"
)
log = structlog.get_logger("portico.identity")

OnRevoked = Callable[[], None]


class CredentialRef(NamedTuple):
    """What lets somebody in: the kind of credential, and which one."""

    credential: str
    session_id: str


async def valid_session_ids(session_ids: Sequence[str]) -> set[str]:
    """Those of these sign-ins that are in force."""
    last = len(session_ids) + 1
    found = await fetch_all(
        _VALID.format(placeholders(len(session_ids)), last), *session_ids, now()
    )
    return {one["id"] for one in found}


class LiveConnections:
    """Knows who is connected, and sends them away.

    `blind`: seconds for which connections last while the database cannot be asked. `readers`: who knows of
    credentials other than sessions. `forget`: called when something turns out to have ended, before anybody who was
    sent away can come back.
    """

    def __init__(
        self,
        grace_seconds: float,
        authenticators: Sequence[TokenAuthenticator],
        on_ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._grace_seconds = grace_seconds
        self._authenticators = authenticators
        self._on_ended = on_ended
        self._live: dict[CredentialRef, set[OnRevoked]] = {}
        self._owners: dict[str, set[CredentialRef]] = defaultdict(set)
        self._last_answer: dict[str, float] = {}
        self._task = PeriodicTask("live connections", RECHECK_SECONDS, self._recheck)

    def __len__(self) -> int:
        """How many credentials are live."""
        return len(self._live)

    @contextlib.contextmanager
    def track(self, actor: Actor | None, on_revoked: OnRevoked) -> Iterator[None]:
        """While the block runs, `farewell` is called if what let this person in is over. None = anybody may be here."""
        if actor is None:
            yield
            return
        held = CredentialRef(actor.credential, actor.session_id)
        farewells = self._live.setdefault(held, set())
        farewells.add(on_revoked)
        self._owners[actor.id].add(held)
        try:
            yield
        finally:
            farewells.discard(on_revoked)
            if not farewells and self._live.get(held) is farewells:
                del self._live[held]
                self._owners[actor.id].discard(held)
                if not self._owners[actor.id]:
                    del self._owners[actor.id]

    def listeners(self) -> list[Listener]:
        """What ends connections of this process at once."""
        return [
            Listener(SessionRevoked, self._revoked),
            Listener(ApiKeyRevoked, lambda event: self.recheck_account(event.account_id)),
            Listener(AccountDeleted, lambda event: self._end(self._owners.get(event.id, ()))),
            Listener(AccountChanged, lambda event: self.recheck_account(event.id)),
        ]

    def recheck_account(self, account_id: str) -> None:
        """Something of this account has ended, here or elsewhere: look at once what of it is still good."""
        if account_id in self._owners:
            self._task.wake()

    def start(self) -> None:
        """Begin. Needs the running loop, and the database in use."""
        self._task.start()

    async def stop(self) -> None:
        """Let everybody be: those who are left are told that the house closes."""
        await self._task.stop()

    async def recheck_all(self) -> None:
        """Ask about all who are live, and send away whoever has nothing any more to be here by."""
        kinds: dict[str, list[str]] = defaultdict(list)
        for held in self._live:
            kinds[held.credential].append(held.session_id)
        began = time.monotonic()
        self._last_answer = {kind: self._last_answer.get(kind, began) for kind in kinds}
        # Apart: a plugin that does not answer for its keys must not be what ends sessions.
        await asyncio.gather(*(self._recheck_kind(kind, kinds[kind]) for kind in kinds))

    async def _recheck_kind(self, kind: str, session_ids: list[str]) -> None:
        try:
            async with asyncio.timeout(self._grace_seconds):
                for some in chunks(session_ids):
                    still = await self._valid_ids(kind, list(some))
                    if gone := [CredentialRef(kind, one) for one in some if one not in still]:
                        self._on_ended()
                        self._end(gone)
            self._last_answer[kind] = time.monotonic()
        except Exception as error:  # noqa: BLE001 - away, full, a plugin's reader
            if time.monotonic() - self._last_answer[kind] >= self._grace_seconds:
                name = type(error).__name__
                log.warning("connections ended unseen", credential=kind, error=name)
                self._end([held for held in self._live if held.credential == kind])

    async def _valid_ids(self, credential: str, session_ids: list[str]) -> set[str]:
        if credential == SESSION_CREDENTIAL:
            return await valid_session_ids(session_ids)
        reader = next((one for one in self._authenticators if one.kind == credential), None)
        return await reader.still_valid(session_ids) if reader is not None else set()

    def _revoked(self, event: SessionRevoked) -> None:
        if event.session_id is None:
            self.recheck_account(event.account_id)  # one of them may have been kept
        else:
            self._end(
                [
                    held
                    for held in self._owners.get(event.account_id, ())
                    if held.session_id == event.session_id
                ]
            )

    def _end(self, over: Iterable[CredentialRef]) -> None:
        for held in list(over):
            for farewell in list(self._live.get(held, ())):
                farewell()

    async def _recheck(self) -> None:
        if self._live:
            await self.recheck_all()
