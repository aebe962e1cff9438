"""One conversation with a directory. It holds no thread, and whoever waits for it may stop waiting at any moment."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Self

from portico_ldap.protocol import messages
from portico_ldap.protocol.ber import SEQUENCE, ProtocolError, extent
from portico_ldap.protocol.messages import LDAPMessage, Result, SearchEntry

#: Bytes that may come and not be read yet; an entry with thousands of groups has half of it.
LARGEST = 2 * 1024 * 1024
#: Seconds in which the directory itself should give up a search.
SEARCH_SECONDS = 10


class OperationFailed(Exception):
    """The directory refuses to do what it is there for. `result`: how it said so."""

    def __init__(self, doing: str, result: Result) -> None:
        super().__init__(f"{doing}: result {result.code}")
        self.result = result


class _Channel(asyncio.Protocol):
    """What has come and was not read yet."""

    def __init__(self) -> None:
        self.arrived = bytearray()
        self._transport: asyncio.BaseTransport | None = None
        self._ended: Exception | None = None
        self._news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.arrived += data
        if len(self.arrived) > LARGEST:
            self._end(ProtocolError("more than anybody needs to know of somebody"))
        self._news.set()

    def eof_received(self) -> bool:
        self._end(ConnectionResetError("the directory hung up"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionResetError("the directory hung up"))

    async def message(self) -> LDAPMessage:
        """The next message. Raises: Garbled, OSError."""
        while True:
            found = extent(self.arrived)
            if found and self.arrived[0] != SEQUENCE:
                raise ProtocolError("this is not LDAP")
            if found and found[1] - found[0] > LARGEST:
                raise ProtocolError("a message that is too large")
            if found and found[1] <= len(self.arrived):
                body = bytes(self.arrived[found[0] : found[1]])
                del self.arrived[: found[1]]
                return messages.read_message(body)
            if self._ended is not None:
                raise self._ended
            self._news.clear()
            await self._news.wait()

    def _end(self, error: Exception) -> None:
        self._ended = self._ended or error
        self._news.set()


class LDAPConnection:
    """A connection to one directory, from `open` to `close`. Every method raises Garbled and OSError; see each."""

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
        """Go on encrypted. Raises: Failed if the directory will not."""
        result = await self._ask("StartTLS", messages.start_tls, messages.EXTENDED_RESPONSE)
        if not result.ok:
            raise OperationFailed("StartTLS", result)
        if self._channel.arrived:
            # Sent in the clear by somebody in between, to be taken for a part of what is encrypted.
            raise ProtocolError("something was said between StartTLS and its beginning")
        loop = asyncio.get_running_loop()
        transport = await loop.start_tls(self._transport, self._channel, tls, server_hostname=host)
        if transport is None:
            raise ConnectionResetError("the directory hung up")
        self._transport = transport

    async def bind(self, dn: str, password: str) -> Result:
        """Say who one is, and prove it; both empty = nobody. Raises: ValueError for a name without a password."""
        return await self._ask(
            "bind", lambda number: messages.bind(number, dn, password), messages.BIND_RESPONSE
        )

    async def search(
        self, base: str, wanted: bytes, names: Sequence[str], limit: int
    ) -> list[SearchEntry]:
        """Entries below `base` that pass the filter, at most `limit` and one more. Referrals are not followed.

        Raises: Failed if the directory will not look.
        """
        number = self._next()
        self._send(
            messages.search(
                number, base, wanted, list(names), limit=limit + 1, seconds=SEARCH_SECONDS
            )
        )
        found: list[SearchEntry] = []
        while True:
            message = await self._reply(number)
            match message.kind:
                case messages.SEARCH_ENTRY if len(found) > limit:
                    continue  # there are directories that do not count
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
                    raise ProtocolError("an answer to something else")

    def close(self) -> None:
        """Say goodbye and hang up. Nothing is waited for."""
        if not self._transport.is_closing():
            self._send(messages.unbind(self._next()))
        self._transport.close()

    def abort(self) -> None:
        """Hang up without a word."""
        self._transport.abort()

    async def _ask(self, doing: str, make: Callable[[int], bytes], kind: int) -> Result:
        number = self._next()
        self._send(make(number))
        message = await self._reply(number)
        if message.kind != kind:
            raise ProtocolError(f"an answer to something else than {doing}")
        return messages.read_result(message)

    async def _reply(self, number: int) -> LDAPMessage:
        message = await self._channel.message()
        if message.id != number:
            # Number 0 is the notice that the directory hangs up; any other one belongs to nobody.
            raise ProtocolError("a message that answers nothing")
        return message

    def _send(self, data: bytes) -> None:
        self._transport.write(data)

    def _next(self) -> int:
        self._last_id += 1
        return self._last_id
