"""The figures of all processes of `portico serve --workers N`, whichever of them is asked.

A request reaches any of the processes that share the port. Monitoring compares what it reads now with what it read before, so
it has to read the sum each time.
"""

import asyncio
import os
import socket

import msgspec

from portico.api import AppContext, Unavailable
from portico.api.db import new_id

TOPIC = "metrics"
#: Seconds in which the other processes must answer. Messages through the database take half a second.
LIMIT_SECONDS = 3.0
INCOMPLETE = "Not all server processes have reported their figures. Ask again."


class FiguresRequest(msgspec.Struct, frozen=True, tag="ask", array_like=True):
    """Asks the other processes of one `portico serve` for their figures. `group`: which one that is."""

    id: str
    group: str


class FiguresReport(msgspec.Struct, frozen=True, tag="answer", array_like=True):
    """The figures of the sender, as a list of `Figure`."""

    id: str
    figures: msgspec.Raw


_DECODER = msgspec.json.Decoder(FiguresRequest | FiguresReport)


class ProcessFigures:
    """Collects the figures of this process, and of the others that have the same parent."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._others = app.settings.server.workers - 1
        self._group = f"{socket.gethostname()} {os.getppid()}"
        self._waiting: dict[str, tuple[list[msgspec.Raw], asyncio.Event]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        if self._others:
            app.instance_channel.subscribe(TOPIC, self._receive)

    async def text(self, accept: str) -> tuple[bytes, bytes]:
        """Return the figures of all processes as monitoring reads them, and the content type. `accept`: the header.

        Raises: Unavailable if one of the processes does not answer: a sum without it would look like a restart.
        """
        others = await self._ask() if self._others else []
        readings = await self._app.read_metrics()

        def formatted() -> tuple[
            bytes, bytes
        ]:  # in a thread, since the first call imports the library
            from portico_metrics import exposition

            processes = [msgspec.json.decode(raw, type=list[exposition.Figure]) for raw in others]
            found = exposition.add_up([exposition.figures(readings), *processes])
            return exposition.exposition(found, accept)

        return await asyncio.to_thread(formatted)

    async def _ask(self) -> list[msgspec.Raw]:
        question = FiguresRequest(new_id(), self._group)
        answers, is_complete = self._waiting[question.id] = [], asyncio.Event()
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                self._app.instance_channel.publish(TOPIC, msgspec.json.encode(question))
                await is_complete.wait()
        except TimeoutError:
            raise Unavailable(INCOMPLETE) from None
        finally:
            del self._waiting[question.id]
        return answers

    def _receive(self, _: str, payload: bytes) -> None:
        try:
            message = _DECODER.decode(payload)
        except msgspec.MsgspecError:
            return  # of another release
        if isinstance(message, FiguresRequest):
            if message.group == self._group:
                task = asyncio.create_task(self._answer(message.id))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
        elif message.id in self._waiting:
            answers, is_complete = self._waiting[message.id]
            answers.append(msgspec.Raw(bytes(message.figures)))
            if len(answers) == self._others:
                is_complete.set()

    async def _answer(self, question: str) -> None:
        readings = await self._app.read_metrics()

        def encoded() -> bytes:
            from portico_metrics import exposition

            figures = msgspec.json.encode(exposition.figures(readings))
            return msgspec.json.encode(FiguresReport(question, msgspec.Raw(figures)))

        self._app.instance_channel.publish(TOPIC, await asyncio.to_thread(encoded))
