"""Authentication at the LDAP server, with limits of time and of concurrent connections.

    connect → encrypt → bind as the application → search → bind as the user

For an unknown user, a bind with a name that does not exist takes as long as one with a wrong password.
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
#: Result codes of a bind that report a failure of the server, not a wrong password: operationsError,
#: protocolError, timeLimitExceeded, authMethodNotSupported, strongerAuthRequired, referral, adminLimitExceeded,
#: confidentialityRequired, busy, unavailable, other.
SERVER_FAILURE_CODES = frozenset((1, 2, 3, 7, 8, 10, 11, 13, 51, 52, 80))
#: Of one host name; further ones are not tried.
MAX_ADDRESSES = 4
#: Weight of the last measurement in the average duration of a wrong password.
EWMA_WEIGHT = 0.3
#: A shorter delay is less exact than none.
MIN_DELAY_SECONDS = 0.003
#: For clients that are refused because the queue is full.
RETRY_AFTER_SECONDS = 5


class LdapClient:
    """Authenticates users at the LDAP server. `limits`: the settings of time and number of connections."""

    def __init__(self, limits: LdapSettings) -> None:
        self._limits = limits
        self._connections = asyncio.Semaphore(limits.max_connections)
        self._active = 0
        self._contexts = TLSContexts()
        self._resolver: ThreadPoolExecutor | None = None
        self._wrong_password_seconds = 0.0

    async def authenticate(
        self, server: LdapServerConfig, user: str, password: str
    ) -> SearchEntry | None:
        """Return the entry of the user with this name and password; None if there is none, after the same time.

        Raises: InvalidRequest if TLS is misconfigured; SourceFailed, SourceTimedOut; RateLimited.
        """
        if not password or not user:
            return None  # a bind without a password is anonymous and would succeed
        async with self._slot():
            try:
                async with asyncio.timeout(self._limits.timeout):
                    async with self._connections:
                        return await self._authenticate(server, user, password)
            except TimeoutError as error:
                log.warning("LDAP server did not answer in time", server=repr(server))
                raise SourceTimedOut(FAILED) from error
            except (OSError, ProtocolError, OperationFailed, ValueError) as error:
                # The error contains neither the name nor the password.
                log.warning(
                    "LDAP request failed",
                    server=repr(server),
                    why=f"{type(error).__name__}: {error}",
                )
                raise SourceFailed(FAILED) from error

    def close(self) -> None:
        """Stop the threads that resolve host names."""
        if self._resolver is not None:
            self._resolver.shutdown(wait=False, cancel_futures=True)
            self._resolver = None

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._active >= self._limits.max_connections + self._limits.max_queued:
            raise RateLimited(RETRY_AFTER_SECONDS)
        self._active += 1
        try:
            yield
        finally:
            self._active -= 1

    async def _authenticate(
        self, server: LdapServerConfig, user: str, password: str
    ) -> SearchEntry | None:
        tls = self._contexts.of(server.settings) if server.encryption != "none" else None
        connection = await self._connect(server, tls if server.encryption == "tls" else None)
        try:
            if tls is not None and server.encryption == "start_tls":
                await connection.start_tls(tls, server.host)
            entry = await self._find(connection, server, user)
            is_valid = await self._check_password(connection, server, entry, password)
        except BaseException:
            connection.abort()
            raise
        connection.close()
        return entry if is_valid else None

    async def _connect(
        self, server: LdapServerConfig, tls: ssl.SSLContext | None
    ) -> LDAPConnection:
        last_error: OSError = OSError("the host name has no address")
        for address in await self._resolve(server.host, server.port):
            try:
                async with asyncio.timeout(self._limits.connect_timeout):
                    return await LDAPConnection.open(address, server.port, tls, server.host)
            except OSError as error:  # includes TimeoutError
                last_error = error
        raise last_error

    async def _resolve(self, host: str, port: int) -> list[str]:
        """Resolve in own threads, so that a silent name server does not block other work."""
        if self._resolver is None:
            self._resolver = ThreadPoolExecutor(2, thread_name_prefix="ldap-names")
        found = await asyncio.get_running_loop().run_in_executor(
            self._resolver, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return list(dict.fromkeys(str(one[4][0]) for one in found))[:MAX_ADDRESSES]

    async def _find(
        self, connection: LDAPConnection, server: LdapServerConfig, user: str
    ) -> SearchEntry | None:
        settings = server.settings
        if settings.app_dn:
            result = await connection.bind(settings.app_dn, server.password)
            if not result.ok:
                raise OperationFailed("bind of the application", result)
        name = settings.attribute_for_username
        search_filter = both(equals(name, user), *read_filters(settings.search_filter))
        wanted = [name, settings.attribute_for_mail, "cn", settings.attribute_for_groups]
        attributes = [one for one in (*wanted, *server.stable_id_attributes) if one]
        found = await connection.search(settings.search_base, search_filter, attributes, limit=1)
        if len(found) != 1 or not found[0].dn:
            return None
        # A server may treat different names as equal, such as names with other spaces.
        names = [
            value.decode("utf-8", "replace") for value in found[0].attributes.get(name.lower(), ())
        ]
        return found[0] if user.lower() in [one.lower() for one in names] else None

    async def _check_password(
        self,
        connection: LDAPConnection,
        server: LdapServerConfig,
        entry: SearchEntry | None,
        password: str,
    ) -> bool:
        """Whether the password is that of the entry. Without an entry, a name that does not exist is tried."""
        unknown_dn = f"cn=unknown-{secrets.token_hex(8)},{server.settings.search_base}".rstrip(", ")
        dn = entry.dn if entry else unknown_dn
        started = time.monotonic()
        result = await connection.bind(dn, password)
        took = time.monotonic() - started
        if entry is None:
            # A server does not hash the password for an unknown name, so it answers faster.
            if (left := self._wrong_password_seconds - took) > MIN_DELAY_SECONDS:
                await asyncio.sleep(left)
            return False
        if result.code in SERVER_FAILURE_CODES:
            raise OperationFailed("bind", result)
        if result.code == INVALID_CREDENTIALS:
            self._wrong_password_seconds += (took - self._wrong_password_seconds) * (
                EWMA_WEIGHT if self._wrong_password_seconds else 1
            )
        return result.ok
