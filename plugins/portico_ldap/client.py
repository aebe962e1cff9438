"""Asking the directory who somebody is: one conversation, as many at once as are allowed, and no longer than allowed.

    connect → encrypt → bind as the application → search → bind as whoever was found

Whoever is not there is tried all the same, under a name that nobody has, and waits as long as others wait who are.
"""

import asyncio
import contextlib
import secrets
import socket
import ssl
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import structlog

from portico.api import RateLimited, SourceFailed, SourceTimedOut
from portico_ldap.protocol import (
    INVALID_CREDENTIALS,
    LDAPConnection,
    OperationFailed,
    ProtocolError,
    SearchEntry,
    both,
    equals,
    read_filters,
)
from portico_ldap.server import LdapServerConfig, TLSContexts
from portico_ldap.settings import LdapSettings

log = structlog.get_logger("portico.ldap")

FAILED = "LDAP authentication failed."
#: Result codes of a bind that say something about the directory rather than about whoever binds: operationsError,
#: protocolError, timeLimitExceeded, authMethodNotSupported, strongerAuthRequired, referral, adminLimitExceeded,
#: confidentialityRequired, busy, unavailable, other.
OUT_OF_ORDER = frozenset((1, 2, 3, 7, 8, 10, 11, 13, 51, 52, 80))
#: Addresses of one name that are tried.
ADDRESSES = 4
#: How much the last refusal counts for how long refusals take.
EWMA_WEIGHT = 0.3
#: Seconds below which waiting is less exact than not waiting.
MIN_DELAY_SECONDS = 0.003
#: Seconds after which trying again makes sense when too many are waiting.
RETRY_AFTER = 5


class LdapClient:
    """Talks to the directory. `limits`: the settings that say how long and how many."""

    def __init__(self, limits: LdapSettings) -> None:
        self._limits = limits
        self._turns = asyncio.Semaphore(limits.at_once)
        self._present = 0
        self._contexts = TLSContexts()
        self._resolver: ThreadPoolExecutor | None = None
        self._refusing = 0.0  # seconds a wrong password takes

    async def authenticate(
        self, server: LdapServerConfig, user: str, password: str
    ) -> SearchEntry | None:
        """The entry of whoever has this name and this password; None = nobody, whyever, after the same time.

        Raises: Invalid if TLS is misconfigured; SourceFailed, SourceTimedOut; RateLimited.
        """
        if not password or not user:
            return (
                None  # to a directory, a name without a password is nobody at all, who may come in
            )
        async with self._turn():
            try:
                async with asyncio.timeout(self._limits.timeout):
                    async with self._turns:
                        return await self._ask(server, user, password)
            except TimeoutError as error:
                log.warning("the directory does not answer in time", server=repr(server))
                raise SourceTimedOut(FAILED) from error
            except (OSError, ProtocolError, OperationFailed, ValueError) as error:
                # Neither says whose password it was, nor which.
                log.warning(
                    "the directory cannot be asked",
                    server=repr(server),
                    why=f"{type(error).__name__}: {error}",
                )
                raise SourceFailed(FAILED) from error

    def close(self) -> None:
        """Let go of the threads that look up names."""
        if self._resolver is not None:
            self._resolver.shutdown(wait=False, cancel_futures=True)
            self._resolver = None

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._present >= self._limits.at_once + self._limits.waiting:
            raise RateLimited(RETRY_AFTER)
        self._present += 1
        try:
            yield
        finally:
            self._present -= 1

    async def _ask(self, server: LdapServerConfig, user: str, password: str) -> SearchEntry | None:
        tls = self._contexts.of(server.settings) if server.encryption != "none" else None
        connection = await self._connect(server, tls if server.encryption == "whole" else None)
        try:
            if tls is not None and server.encryption == "start":
                await connection.start_tls(tls, server.host)
            entry = await self._find(connection, server, user)
            proven = await self._try(connection, server, entry, password)
        except BaseException:
            connection.abort()
            raise
        connection.close()
        return entry if proven else None

    async def _connect(
        self, server: LdapServerConfig, tls: ssl.SSLContext | None
    ) -> LDAPConnection:
        refused: OSError = OSError("the name has no address")
        for address in await self._addresses(server.host, server.port):
            try:
                async with asyncio.timeout(self._limits.connect_timeout):
                    return await LDAPConnection.open(address, server.port, tls, server.host)
            except OSError as error:  # TimeoutError is one
                refused = error
        raise refused

    async def _addresses(self, host: str, port: int) -> list[str]:
        """Looked up in threads of our own: a name server that keeps silent holds up nobody else."""
        if self._resolver is None:
            self._resolver = ThreadPoolExecutor(2, thread_name_prefix="ldap-names")
        found = await asyncio.get_running_loop().run_in_executor(
            self._resolver, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return list(dict.fromkeys(str(one[4][0]) for one in found))[:ADDRESSES]

    async def _find(
        self, connection: LDAPConnection, server: LdapServerConfig, user: str
    ) -> SearchEntry | None:
        settings = server.settings
        if settings.app_dn:
            result = await connection.bind(settings.app_dn, server.password)
            if not result.ok:
                raise OperationFailed("the application's own bind", result)
        name = settings.attribute_for_username
        wanted = both(equals(name, user), *read_filters(settings.search_filter))
        asked = [name, settings.attribute_for_mail, "cn", settings.attribute_for_groups]
        attributes = [one for one in (*asked, *server.stable_id_attributes) if one]
        found = await connection.search(settings.search_base, wanted, attributes, limit=1)
        if len(found) != 1 or not found[0].dn:
            return None
        # A directory may think two names the same that are not, such as by leaving blanks out.
        names = [
            value.decode("utf-8", "replace") for value in found[0].attributes.get(name.lower(), ())
        ]
        return found[0] if user.lower() in [one.lower() for one in names] else None

    async def _try(
        self,
        connection: LDAPConnection,
        server: LdapServerConfig,
        entry: SearchEntry | None,
        password: str,
    ) -> bool:
        """Whether the password is that of the entry. Without one, a name is tried that nobody has."""
        nobody = f"cn=nobody-{secrets.token_hex(8)},{server.settings.search_base}".rstrip(", ")
        name = entry.dn if entry else nobody
        started = time.monotonic()
        result = await connection.bind(name, password)
        took = time.monotonic() - started
        if entry is None:
            # A directory does not hash the password for somebody who is not there.
            if (left := self._refusing - took) > MIN_DELAY_SECONDS:
                await asyncio.sleep(left)
            return False
        if result.code in OUT_OF_ORDER:
            raise OperationFailed("bind", result)
        if result.code == INVALID_CREDENTIALS:
            self._refusing += (took - self._refusing) * (EWMA_WEIGHT if self._refusing else 1)
        return result.ok
