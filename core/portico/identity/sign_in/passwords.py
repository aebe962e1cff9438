"""Passwords: validation, hashing and verification. bcrypt is slow on purpose, so it runs in its own threads."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any, Protocol, TypeVar

import bcrypt

from portico.errors import INVALID_PASSWORD, PASSWORD_TOO_LONG, InvalidRequest, RateLimited

#: Limit of bcrypt.
MAX_PASSWORD_BYTES = 72
#: At a quarter of a second each, the last of them waits eight seconds.
MAX_QUEUED_PER_THREAD = 32

#: Of at most 19. Leaves the threads a third of a core that another program uses fully.
THREAD_NICENESS = 5

T = TypeVar("T")


class PasswordRule(Protocol):
    """Service that a plugin offers to restrict passwords."""

    def __call__(self, password: str) -> None:
        """Raises: InvalidRequest for a new password that the rule does not allow."""
        ...


class Passwords:
    """Hashes and verifies passwords in a thread pool.

    `rounds`: cost of bcrypt; each additional round doubles the time. `threads`: 0 = all cores except one, which is left
    to the event loop.
    """

    def __init__(self, rounds: int, threads: int = 0) -> None:
        threads = threads or max(1, (os.cpu_count() or 1) - 1)
        self._rounds = rounds
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix="bcrypt", initializer=_lower_priority
        )
        self._slots = BoundedSemaphore(threads * (1 + MAX_QUEUED_PER_THREAD))
        self._rule: PasswordRule | None = None
        # Matches no password, but a comparison takes the full time.
        self._dummy_hash = bcrypt.gensalt(rounds) + b"." * 31

    def set_rule(self, rule: PasswordRule | None) -> None:
        """Set the rule for new passwords; None = no rule."""
        self._rule = rule

    def check(self, password: str) -> None:
        """Validate a new password. Raises: InvalidRequest if it is empty, over 72 bytes or against the rule."""
        if not password:
            raise InvalidRequest(INVALID_PASSWORD)
        # Characters first, so that ten megabytes are not encoded only to be counted.
        if len(password) > MAX_PASSWORD_BYTES or len(_bytes(password)) > MAX_PASSWORD_BYTES:
            raise InvalidRequest(PASSWORD_TOO_LONG)
        if self._rule is not None:
            self._rule(password)

    async def hash(self, password: str) -> str:
        """Return the hash of a new password. Raises: InvalidRequest as `check`, RateLimited if the queue is full."""
        self.check(password)
        return await self._hash(password)

    async def _hash(self, password: str) -> str:
        hashed = await self._work(
            lambda: bcrypt.hashpw(_bytes(password), bcrypt.gensalt(self._rounds))
        )
        return hashed.decode()

    def is_outdated(self, hashed: str) -> bool:
        """Return whether a hash has another cost than configured, or another variant of bcrypt."""
        return not hashed.startswith(f"$2b${self._rounds:02d}$")

    async def rehash(self, password: str) -> str:
        """Return a new hash of an existing password, without checking the rule. Raises: RateLimited."""
        return await self._hash(password)

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Return whether the password matches, after the same time for every reason of a mismatch.

        `hashed` None = there is no such account, or it has no password. Raises: RateLimited.
        """
        given = _bytes(password[: MAX_PASSWORD_BYTES + 1])
        matches = await self._work(lambda: self._matches(given[:MAX_PASSWORD_BYTES], hashed))
        # No stored password is longer, so a longer text that begins with the password does not match.
        return matches and len(given) <= MAX_PASSWORD_BYTES

    def _matches(self, given: bytes, hashed: str | None) -> bool:
        if hashed is not None:
            try:
                return bcrypt.checkpw(given, hashed.encode())
            except ValueError:
                pass  # not a bcrypt hash: imported accounts without a password have such values
        bcrypt.checkpw(given, self._dummy_hash)
        return False

    async def _work(self, job: Callable[[], T]) -> T:
        """Run a job in the pool.

        The slot is released when the job has ended, not when the caller stops waiting: otherwise clients that disconnect
        early could queue jobs without limit.
        """
        if not self._slots.acquire(blocking=False):
            raise RateLimited(retry_after=5)
        try:
            future = self._pool.submit(job)
        except BaseException:
            self._slots.release()
            raise
        future.add_done_callback(self._release_slot)
        return await asyncio.wrap_future(future)

    def _release_slot(self, _: "Future[Any]") -> None:
        self._slots.release()


def _lower_priority() -> None:
    """Lower the priority of the thread, so that many sign-ins slow down sign-ins only."""
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), THREAD_NICENESS)


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
