"""A request whose body is read once, within limits, and checked while it arrives."""

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import litestar
import msgspec
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from portico.errors import IncompleteBody, TooLarge
from portico.web.request.body_budget import HELD_BODY, HeldBody
from portico.web.request.body_scanner import BLOCK_BYTES, BodyScanner
from portico.web.request.cooperative import let_others_run
from portico.web.request.json_decoding import read_json

#: Seconds of checking after which other tasks get the event loop.
STEP_SECONDS: Final = 0.001


class BodyRequest(litestar.Request[Any, Any, Any]):
    """Litestar's request, with a body that is freed when the response starts, see `HeldBody`.

    JSON bodies of handlers that take `data` are sanitized and checked block by block; other tasks run between blocks.
    """

    async def body(self) -> bytes:
        """Return the whole body; JSON is sanitized (see `sanitize_json`).

        Raises: RequestEntityTooLarge, TooLarge; Unavailable if there are too many bodies at once; IncompleteBody if the client
        disconnects; for JSON also ValidationError.
        """
        held: HeldBody | None = self.scope.get(HELD_BODY)  # type: ignore[assignment]
        if held is None:
            held = self._hold()
        if held.data is None:
            held.data = b"".join(await self._blocks(held))
            # Joining, decoding and the handler are one step each: a decoder cannot yield to other tasks.
            await let_others_run(held.size)
            handler = self.route_handler
            field = handler.parsed_data_field
            if held.data and field is not None and not handler.opt.get("reads_import"):
                held.value = read_json(held.data, field.annotation)
                await let_others_run(held.size)
        return held.data

    @property
    def decoded_body(self) -> Any:
        """What `body` has decoded, for the handler."""
        if self.route_handler.opt.get("reads_import"):
            return msgspec.Raw(b"null")  # for `read_items`, which takes more than one JSON text
        held: HeldBody = self.scope[HELD_BODY]  # type: ignore[typeddict-item]
        return held.value

    def _hold(self) -> HeldBody:
        scope: Any = self.scope
        client = scope.get("client")
        caller = getattr(scope.get("user"), "id", None) or (client[0] if client else "")
        held = HeldBody(self.app.state.bodies, caller)
        scope[HELD_BODY] = held
        return held

    async def _blocks(self, held: HeldBody) -> list[bytes]:
        handler = self.route_handler
        limit = handler.resolve_request_max_body_size() or 0
        # A function: an exception in a local variable would keep this frame, and the body, until the next collection.
        too_large: Callable[[], Exception] = RequestEntityTooLarge
        if handler.parsed_data_field is not None and not handler.opt.get("large_body"):
            form_limit: int = self.app.state.max_form_bytes
            if not limit or form_limit < limit:
                limit, too_large = form_limit, partial(_form_too_large, form_limit)
        if limit and _announced_bytes(self.scope["headers"]) > limit:
            raise too_large()
        scanner = None
        # An import may not be JSON at all; its reader reports what it is instead.
        if handler.parsed_data_field is not None and not handler.opt.get("reads_import"):
            state = self.app.state
            scanner = BodyScanner(state.max_depth, handler.opt.get("max_values", state.max_values))
        body = ArrivingBody(scanner)
        size = 0
        while True:
            message: Any = await self.receive()
            if message["type"] == "http.disconnect":
                raise IncompleteBody
            block: bytes = message.get("body", b"")
            size += len(block)
            if limit and size > limit:
                raise too_large()
            held.take(len(block))
            last = not message.get("more_body", False)
            await body.add(block, last=last)
            if last:
                return body.blocks


def _announced_bytes(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Return the length of the body that the client announces; 0 = none. The server has checked the header."""
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _form_too_large(limit: int) -> TooLarge:
    return TooLarge(f"{TooLarge.default}: at most {limit} bytes here, see server.max_form_bytes")


class ArrivingBody:
    """The part of a body that has arrived: its blocks as they were sent, or sanitized where that changes them.

    `scanner`: None = the body is not checked.
    """

    def __init__(self, scanner: BodyScanner | None) -> None:
        self._scanner = scanner
        self._passed = 0  # bytes that the scanner has returned
        self.blocks: list[bytes] = []

    async def add(self, block: bytes, *, last: bool) -> None:
        """Add a block. Raises: ValidationError."""
        scanner = self._scanner
        if scanner is None:
            self._append(block)
            return
        if last and not self._passed and len(block) <= BLOCK_BYTES:  # mostly: a small body, at once
            self._append(scanner.feed(block, last=True))
            return
        began = time.monotonic()
        is_changed = scanner.is_changed
        for begin in range(0, len(block) or 1, BLOCK_BYTES):
            end = begin + BLOCK_BYTES
            piece = block if end - begin >= len(block) else block[begin:end]
            passed = scanner.feed(piece, last=last and end >= len(block))
            if scanner.is_changed and not is_changed:
                self.blocks = [b"".join([*self.blocks, block])[: self._passed]]
                is_changed = True
            if is_changed:
                self._append(passed)
            self._passed += len(passed)
            # Yielding to the loop costs as much as a plain piece; a piece of nothing but brackets takes longer than that.
            if time.monotonic() - began > STEP_SECONDS:
                await asyncio.sleep(0)
                began = time.monotonic()
        if not is_changed:
            self._append(block)

    def _append(self, block: bytes) -> None:
        if block:  # a single block need not be joined
            self.blocks.append(block)
