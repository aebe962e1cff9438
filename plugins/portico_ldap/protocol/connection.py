"""A connection to an LDAP server on asyncio. All waits can be cancelled."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Self

from portico_ldap.protocol import messages
from portico_ldap.protocol.ber import SEQUENCE, ProtocolError, extent
from portico_ldap.protocol.messages import LDAPMessage, Result, SearchEntry

#: Received and not yet read; an entry with thousands of groups has half of it.
MAX_BUFFERED_BYTES = 2 * 1024 * 1024
#: Time limit of a search that is sent to the server.
SEARCH_TIMEOUT_SECONDS = 10


class OperationFailed(Exception):
    """The server refused an operation. `result`: its response."""

    def __init__(self, operation: str, result: Result) -> None:
        super().__init__(f"{operation}: result {result.code}")
        self.result = result


class _Channel(asyncio.Protocol):
    """The bytes that were received and not yet read."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self._transport: asyncio.BaseTransport | None = None
        self._ended: Exception | None = None
        self._changed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) > MAX_BUFFERED_BYTES:
            self._end(ProtocolError("the server sent too much data"))
        self._changed.set()

    def eof_received(self) -> bool:
        self._end(ConnectionResetError("the LDAP server closed the connection"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionResetError("the LDAP server closed the connection"))

    async def message(self) -> LDAPMessage:
        """Return the next message. Raises: ProtocolError, OSError."""
        while True:
            found = extent(self.buffer)
            if found and self.buffer[0] != SEQUENCE:
                raise ProtocolError("the server sent data that is not LDAP")
            if found and found[1] - found[0] > MAX_BUFFERED_BYTES:
                raise ProtocolError("a message is too large")
            if found and found[1] <= len(self.buffer):
                body = bytes(self.buffer[found[0] : found[1]])
                del self.buffer[: found[1]]
                return messages.read_message(body)
            if self._ended is not None:
                raise self._ended
            self._changed.clear()
            await self._changed.wait()

    def _end(self, error: Exception) -> None:
        self._ended = self._ended or error
        self._changed.set()


class LDAPConnection:
    """A connection to one LDAP server, from `open` to `close`. Every method can raise ProtocolError and OSError."""

    def __init__(self, channel: _Channel, transport: asyncio.Transport) -> None:
        self._channel, self._transport = channel, transport
        self._last_id = 0

    @classmethod
    async def open(
        cls, address: str, port: int, tls: ssl.SSLContext | None = None, host: str | None = None
    ) -> Self:
        """Connect. `tls`: encrypted from the first byte (ldaps), with the certificate of `host`."""
        loop = asyncio.get_running_loop()
        transport, channel = await loop.create_connection(
            _Channel, address, port, ssl=tls, server_hostname=host if tls else None
        )
        return cls(channel, transport)

    async def start_tls(self, tls: ssl.SSLContext, host: str) -> None:
        """Encrypt the connection. Raises: OperationFailed if the server refuses."""
        result = await self._request("StartTLS", messages.start_tls, messages.EXTENDED_RESPONSE)
        if not result.ok:
            raise OperationFailed("StartTLS", result)
        if self._channel.buffer:
            # An attacker on the network could inject it so that it counts as encrypted.
            raise ProtocolError("the server sent data between StartTLS and the encryption")
        loop = asyncio.get_running_loop()
        transport = await loop.start_tls(self._transport, self._channel, tls, server_hostname=host)
        if transport is None:
            raise ConnectionResetError("the LDAP server closed the connection")
        self._transport = transport

    async def bind(self, dn: str, password: str) -> Result:
        """Authenticate; both empty = anonymous. Raises: ValueError for a name without a password."""
        return await self._request(
            "bind", lambda number: messages.bind(number, dn, password), messages.BIND_RESPONSE
        )

    async def search(
        self, base: str, search_filter: bytes, names: Sequence[str], limit: int
    ) -> list[SearchEntry]:
        """Return entries below `base` that match the filter, at most `limit` + 1. Referrals are not followed.

        Raises: OperationFailed if the server refuses.
        """
        number = self._next()
        self._send(
            messages.search(
                number,
                base,
                search_filter,
                list(names),
                limit=limit + 1,
                seconds=SEARCH_TIMEOUT_SECONDS,
            )
        )
        found: list[SearchEntry] = []
        while True:
            message = await self._reply(number)
            match message.kind:
                case messages.SEARCH_ENTRY if len(found) > limit:
                    continue  # some servers ignore the limit
                case messages.SEARCH_ENTRY:
                    found.append(messages.read_entry(message))
                case messages.SEARCH_REFERENCE:
                    continue
                case messages.SEARCH_DONE:
                    result = messages.read_result(message)
                    if result.ok or (result.code == messages.SIZE_LIMIT_EXCEEDED and found):
                        return found
                    raise OperationFailed("search", result)
                case _:
                    raise ProtocolError("a response to another request")

    def close(self) -> None:
        """Unbind and close the connection, without waiting."""
        if not self._transport.is_closing():
            self._send(messages.unbind(self._next()))
        self._transport.close()

    def abort(self) -> None:
        """Close the connection without unbind."""
        self._transport.abort()

    async def _request(self, operation: str, make: Callable[[int], bytes], kind: int) -> Result:
        number = self._next()
        self._send(make(number))
        message = await self._reply(number)
        if message.kind != kind:
            raise ProtocolError(f"a response to another request than {operation}")
        return messages.read_result(message)

    async def _reply(self, number: int) -> LDAPMessage:
        message = await self._channel.message()
        if message.id != number:
            # Id 0 announces that the server disconnects; no request has any other id.
            raise ProtocolError("a message belongs to no request")
        return message

    def _send(self, data: bytes) -> None:
        self._transport.write(data)

    def _next(self) -> int:
        self._last_id += 1
        return self._last_id
