"""Responses with a file, or a part of one, from memory or from the disk."""

import asyncio
import os
from typing import Final

from litestar.types import Receive, Scope, Send

from portico.errors import NotFound
from portico.web.static.found_file import FoundFile

#: Bytes that are read from the disk and sent at once.
PIECE_BYTES: Final = 128 * 1024


class FileResponse:
    """An ASGI response. Without `set_body` it has no body and no length, as a 304 has to be."""

    __slots__ = ("_begin", "_content", "_end", "_is_head", "headers", "size", "status")

    def __init__(
        self, content_type: str, headers: list[tuple[bytes, bytes]], *, is_head: bool
    ) -> None:
        self.status = 200
        self.headers = [(b"content-type", content_type.encode()), *headers]
        self._is_head = is_head
        self._content: bytes | FoundFile | None = None
        #: Bytes of the whole representation.
        self.size = self._begin = self._end = 0

    def set_body(self, content: bytes | FoundFile) -> None:
        """Send these bytes, or those of this file."""
        self._content = content
        self.size = self._end = len(content) if isinstance(content, bytes) else content.size

    def cut(self, begin: int, end: int) -> None:
        """Send only the bytes from `begin` to `end`, exclusive."""
        self.status, self._begin, self._end = 206, begin, end
        self.headers.append((b"content-range", b"bytes %d-%d/%d" % (begin, end - 1, self.size)))

    def refuse_range(self) -> None:
        """Send no bytes, since those that were asked for do not exist."""
        self.status, self._begin, self._end = 416, 0, 0
        self.headers.append((b"content-range", b"bytes */%d" % self.size))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response. Called by the server. Raises: NotFound if the file has changed."""
        content, length = self._content, self._end - self._begin
        if content is not None:
            self.headers.append((b"content-length", b"%d" % length))
        if self._is_head or not isinstance(content, FoundFile):
            part = content if isinstance(content, bytes) and not self._is_head else b""
            body = part[self._begin : self._end]
            await self._start(send)
            await send({"type": "http.response.body", "body": body, "more_body": False})
            return
        try:
            file = await asyncio.to_thread(content.open)
        except OSError:  # it was replaced a moment ago
            raise NotFound from None
        try:
            await self._start(send)
            at, end, number = self._begin, self._end, file.fileno()
            while at < end:
                piece = await asyncio.to_thread(os.pread, number, min(PIECE_BYTES, end - at), at)
                if not piece:
                    raise EOFError("the file became shorter while it was sent")
                at += len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": at < end})
        finally:
            file.close()

    async def _start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
