"""Passwords: what may be one, hashing and checking. bcrypt is slow on purpose, so it works in its own threads."""

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

#: bcrypt reads no further than this many bytes.
MAX_PASSWORD_BYTES = 72
#: How many may wait for each thread; at a quarter of a second each, the last of them waits eight seconds.
MAX_QUEUED_PER_THREAD = 32

#: How far the threads step back, of at most 19: a third of a core remains where another program wants it whole.
THREAD_NICENESS = 5

T = TypeVar("T")


class PasswordRule(Protocol):
    """The service that says which passwords will do, offered by whichever plugin has a rule."""

    def __call__(self, password: str) -> None:
        """Raises: Invalid for a new password that will not do."""
        ...


class Passwords:
    """Hashes and checks passwords, a few at a time.

    `rounds`: bcrypt's cost; each one more doubles the time. `threads`: how many at once; 0 = one core is left
    to whoever answers requests.
    """

    def __init__(self, rounds: int, threads: int = 0) -> None:
        threads = threads or max(1, (os.cpu_count() or 1) - 1)
        self._rounds = rounds
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix="bcrypt", initializer=_lower_priority
        )
        self._slots = BoundedSemaphore(threads * (1 + MAX_QUEUED_PER_THREAD))
        self._rule: PasswordRule | None = None
        # A hash nothing matches but every comparison takes its full time over.
        self._dummy_hash = bcrypt.gensalt(rounds) + b"." * 31

    def set_rule(self, rule: PasswordRule | None) -> None:
        """Say what the operator asks of every new password, wherever it is set; None = nothing more."""
        self._rule = rule

    def check(self, password: str) -> None:
        """Whether this may be somebody's new password. Raises: Invalid if empty, over 72 bytes or against a rule."""
        if not password:
            raise InvalidRequest(INVALID_PASSWORD)
        # The characters first, so that ten megabytes are not encoded only to be counted.
        if len(password) > MAX_PASSWORD_BYTES or len(_bytes(password)) > MAX_PASSWORD_BYTES:
            raise InvalidRequest(PASSWORD_TOO_LONG)
        if self._rule is not None:
            self._rule(password)

    async def hash(self, password: str) -> str:
        """The hash to store. Raises: Invalid as `check` does, RateLimited if too many are waiting."""
        self.check(password)
        return await self._hash(password)

    async def _hash(self, password: str) -> str:
        hashed = await self._work(
            lambda: bcrypt.hashpw(_bytes(password), bcrypt.gensalt(self._rounds))
        )
        return hashed.decode()

    def is_outdated(self, hashed: str) -> bool:
        """Whether a hash was made at another cost than the operator wants now, or by another server's kind of bcrypt."""
        return not hashed.startswith(f"$2b${self._rounds:02d}$")

    async def rehash(self, password: str) -> str:
        """A new hash of a password that somebody has already: no rule is asked. Raises: RateLimited."""
        return await self._hash(password)

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether this is the password; it takes as long to say no, whyever it is no.

        `hashed` None = there is no such account, or it has no password. Raises: RateLimited.
        """
        given = _bytes(password[: MAX_PASSWORD_BYTES + 1])
        right = await self._work(lambda: self._matches(given[:MAX_PASSWORD_BYTES], hashed))
        # None longer was ever set, so the right first 72 bytes of a longer one are not the password.
        return right and len(given) <= MAX_PASSWORD_BYTES

    def _matches(self, given: bytes, hashed: str | None) -> bool:
        if hashed is not None:
            try:
                return bcrypt.checkpw(given, hashed.encode())
            except ValueError:
                pass  # not a bcrypt hash, as other servers leave behind for accounts without a password
        bcrypt.checkpw(given, self._dummy_hash)
        return False

    async def _work(self, job: Callable[[], T]) -> T:
        """Run a job in the pool.

        A place is given back when the job has ended, not when its caller stopped waiting: else a crowd that hangs
        up early could queue without limit.
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
    """Let whoever answers requests go first: a flood of sign-ins is to hold up sign-ins, and nobody else."""
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), THREAD_NICENESS)


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
