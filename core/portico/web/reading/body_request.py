"""A request whose body is read once, within limits, and checked while it arrives."""

import asyncio
from typing import Any

import litestar
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from portico.errors import IncompleteBody
from portico.web.reading.body import read_json
from portico.web.reading.body_budget import HELD_BODY, HeldBody
from portico.web.reading.body_scanner import BLOCK_BYTES, BodyScanner
from portico.web.reading.turns import let_others_run


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
        blocks: list[bytes] = []
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
            if scanner is None:
                blocks.append(block)
            else:
                await _scan(scanner, block, last, blocks)
            if last:
                return blocks


async def _scan(scanner: BodyScanner, block: bytes, last: bool, blocks: list[bytes]) -> None:
    if len(block) <= BLOCK_BYTES:
        blocks.append(scanner.feed(block, last=last))
        return
    for begin in range(0, len(block), BLOCK_BYTES):
        end = begin + BLOCK_BYTES
        blocks.append(scanner.feed(block[begin:end], last=last and end >= len(block)))
        await asyncio.sleep(0)
