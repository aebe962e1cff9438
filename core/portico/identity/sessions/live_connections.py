"""Tracks open streams and web sockets by credential, and closes them when the session or API key is revoked.

Revocations of this process close connections at once, through events. Revocations of other instances are found by a
database check every 0.4 s (one statement for 500 sessions). If the database cannot be asked for the grace period,
the connections are closed.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

import structlog

from portico.db import chunks, fetch_all, now, placeholders
from portico.errors import error_location
from portico.events import Listener
from portico.identity.accounts.events import AccountChanged, AccountDeleted
from portico.identity.sessions.actor import SESSION_CREDENTIAL, Actor, TokenAuthenticator
from portico.identity.sessions.events import ApiKeyRevoked, SessionRevoked
from portico.periodic_task import PeriodicTask
from portico.plugin_errors.plugin_exit import contained, is_failure

RECHECK_SECONDS = 0.4

_VALID = (
    "SELECT id FROM portico_session WHERE id IN ({}) AND (expires_at IS NULL OR expires_at > ${})"
)
log = structlog.get_logger("portico.identity")

OnRevoked = Callable[[], None]


#: A credential in use: its kind, and the id of the session or key. Each stream makes two.
CredentialRef: TypeAlias = tuple[str, str]


async def valid_session_ids(session_ids: Sequence[str]) -> set[str]:
    """Return those of these session ids that are valid."""
    last = len(session_ids) + 1
    rows = await fetch_all(_VALID.format(placeholders(len(session_ids)), last), *session_ids, now())
    return {row["id"] for row in rows}


class LiveConnections:
    """Registry of the open connections of this process.

    `grace_seconds`: how long connections stay open while their credentials cannot be checked. `authenticators`: check
    credentials other than sessions. `on_ended`: called when a credential turns out to be revoked, before its
    connections are closed, so that caches are cleared when the client reconnects.
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
        """Return the number of credentials with open connections."""
        return len(self._live)

    @contextlib.contextmanager
    def track(self, actor: Actor | None, on_revoked: OnRevoked) -> Iterator[None]:
        """Call `on_revoked` if the credential of the actor is revoked while the block runs. None = a public connection."""
        if actor is None:
            yield
            return
        self.add(actor, on_revoked)
        try:
            yield
        finally:
            self.discard(actor, on_revoked)

    def add(self, actor: Actor, on_revoked: OnRevoked) -> None:
        """Call `on_revoked` if the credential of the actor is revoked."""
        credential = actor.credential, actor.session_id
        callbacks = self._live.get(credential)
        if callbacks is None:
            callbacks = self._live[credential] = set()
            self._owners[actor.id].add(credential)
        callbacks.add(on_revoked)

    def discard(self, actor: Actor, on_revoked: OnRevoked) -> None:
        """Call `on_revoked` no more."""
        credential = actor.credential, actor.session_id
        callbacks = self._live.get(credential)
        if callbacks is None:
            return
        callbacks.discard(on_revoked)
        if not callbacks:
            del self._live[credential]
            owned = self._owners[actor.id]
            owned.discard(credential)
            if not owned:
                del self._owners[actor.id]

    def listeners(self) -> list[Listener]:
        """Return the event listeners that close connections of this process."""
        return [
            Listener(SessionRevoked, self._revoked),
            Listener(ApiKeyRevoked, lambda event: self.recheck_account(event.account_id)),
            Listener(AccountDeleted, lambda event: self._end(self._owners.get(event.id, ()))),
            Listener(AccountChanged, lambda event: self.recheck_account(event.id)),
        ]

    def recheck_account(self, account_id: str) -> None:
        """Check the credentials of an account now, because one of them was revoked here or by another instance."""
        if account_id in self._owners:
            self._task.wake()

    def start(self) -> None:
        """Start the checks. Needs a running event loop and an open database."""
        self._task.start()

    async def stop(self) -> None:
        """Stop the checks. Open connections end with the shutdown of the server."""
        await self._task.stop()

    async def recheck_all(self) -> None:
        """Check all credentials in use, and close the connections of those that are not valid any more."""
        kinds: dict[str, list[str]] = defaultdict(list)
        for kind, session_id in self._live:
            kinds[kind].append(session_id)
        began = time.monotonic()
        self._last_answer = {kind: self._last_answer.get(kind, began) for kind in kinds}
        # Separately: a plugin that cannot check its keys must not end sessions.
        await asyncio.gather(*(self._recheck_kind(kind, kinds[kind]) for kind in kinds))

    async def _recheck_kind(self, kind: str, session_ids: list[str]) -> None:
        try:
            async with asyncio.timeout(self._grace_seconds):
                for batch in chunks(session_ids):
                    valid = await self._valid_ids(kind, list(batch))
                    if revoked := [
                        (kind, session_id) for session_id in batch if session_id not in valid
                    ]:
                        self._on_ended()
                        self._end(revoked)
            self._last_answer[kind] = time.monotonic()
        except Exception as error:  # noqa: BLE001 - unavailable, full, or an error of a plugin
            if time.monotonic() - self._last_answer[kind] >= self._grace_seconds:
                name = type(error).__name__
                log.warning(
                    "connections closed because their credentials could not be checked",
                    credential=kind,
                    error=name,
                )
                self._end([used for used in self._live if used[0] == kind])

    async def _valid_ids(self, credential: str, session_ids: list[str]) -> set[str]:
        if credential == SESSION_CREDENTIAL:
            return await valid_session_ids(session_ids)
        authenticator = next(
            (
                authenticator
                for authenticator in self._authenticators
                if authenticator.kind == credential
            ),
            None,
        )
        if authenticator is None:
            return set()
        return await contained(authenticator.still_valid(session_ids))

    def _revoked(self, event: SessionRevoked) -> None:
        if event.session_id is None:
            self.recheck_account(event.account_id)  # the current session may have been kept
        else:
            self._end(
                [
                    used
                    for used in self._owners.get(event.account_id, ())
                    if used[1] == event.session_id
                ]
            )

    def _end(self, revoked: Iterable[CredentialRef]) -> None:
        for credential in list(revoked):
            for on_revoked in list(self._live.get(credential, ())):
                try:
                    on_revoked()
                except BaseException as error:  # of a plugin; the other connections must end too
                    if not is_failure(error):
                        raise
                    log.warning(
                        "connection not ended",
                        error=type(error).__name__,
                        at=error_location(error),
                    )

    async def _recheck(self) -> None:
        if self._live:
            await self.recheck_all()
