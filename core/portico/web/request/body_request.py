"""A request whose body is read once, within limits, and checked while it arrives."""

import asyncio
import time
from typing import Any, Final

import litestar
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from portico.errors import IncompleteBody
from portico.web.request.body_budget import HELD_BODY, HeldBody
from portico.web.request.body_scanner import BLOCK_BYTES, BodyScanner
from portico.web.request.cooperative import let_others_run
from portico.web.request.json_body import read_json

#: Seconds of checking after which whoever waits has the loop.
STEP_SECONDS: Final = 0.001


class BodyRequest(litestar.Request[Any, Any, Any]):
    """Litestar's, with a body that is given up when the answer begins, see `HeldBody`.

    JSON bodies, of handlers that take `data`, are mended and checked block by block, with room for others on the loop
    between two blocks.
    """

    async def body(self) -> bytes:
        """The whole body; of JSON, as it is after `mended`.

        Raises: RequestEntityTooLarge; Unavailable if there are too many bodies at once; IncompleteBody if the client
        leaves; for JSON also Misshapen.
        """
        held: HeldBody | None = self.scope.get(HELD_BODY)  # type: ignore[assignment]
        if held is None:
            held = self._hold()
        if held.data is None:
            held.data = b"".join(await self._blocks(held))
            # Joining, decoding and what the handler does are a step each: no decoder lets anybody in between.
            await let_others_run(held.size)
            handler = self.route_handler
            field = handler.parsed_data_field
            if held.data and field is not None and not handler.opt.get("reads_import"):
                held.value = read_json(held.data, field.annotation)
                await let_others_run(held.size)
        return held.data

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
        if limit and (self.content_length or 0) > limit:
            raise RequestEntityTooLarge
        scanner = None
        # An import may be no JSON at all; its reader says what it is instead.
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
                raise RequestEntityTooLarge
            held.take(len(block))
            last = not message.get("more_body", False)
            await body.add(block, last=last)
            if last:
                return body.blocks


class ArrivingBody:
    """A body as far as it has arrived: its blocks as they came, unless something in them is mended.

    `scanner`: None = it is not checked.
    """

    def __init__(self, scanner: BodyScanner | None) -> None:
        self._scanner = scanner
        self._passed = 0  # bytes that came back from the scanner
        self.blocks: list[bytes] = []

    async def add(self, block: bytes, *, last: bool) -> None:
        """A further block. Raises: Misshapen."""
        scanner = self._scanner
        if scanner is None:
            self._keep(block)
            return
        began = time.monotonic()
        mends = scanner.mends
        for begin in range(0, len(block) or 1, BLOCK_BYTES):
            end = begin + BLOCK_BYTES
            piece = block if end - begin >= len(block) else block[begin:end]
            passed = scanner.feed(piece, last=last and end >= len(block))
            if scanner.mends and not mends:
                self.blocks = [b"".join([*self.blocks, block])[: self._passed]]
                mends = True
            if mends:
                self._keep(passed)
            self._passed += len(passed)
            # A turn of the loop costs as much as a plain piece; one of nothing but brackets takes longer than that.
            if time.monotonic() - began > STEP_SECONDS:
                await asyncio.sleep(0)
                began = time.monotonic()
        if not mends:
            self._keep(block)

    def _keep(self, block: bytes) -> None:
        if block:  # one block alone need not be joined
            self.blocks.append(block)
