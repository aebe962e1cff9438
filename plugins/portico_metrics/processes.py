"""The figures of all processes of `portico serve --workers N`, whichever of them is asked.

A request reaches any of the processes that share the port. Monitoring compares what it reads now with what it read before, so
it has to read the sum each time, in which a counter never falls: of a process that does not answer, its last report counts.
"""

import asyncio
import os
import socket

import msgspec

from portico.api import AppContext
from portico.api.db import new_id

TOPIC = "metrics"
#: Seconds in which the other processes must answer. Messages through the database take half a second.
LIMIT_SECONDS = 3.0
#: Processes that have ended of which the last report is kept.
MAX_ENDED = 16


class FiguresRequest(msgspec.Struct, frozen=True, tag="ask", array_like=True):
    """Asks the other processes of one `portico serve` for their figures. `group`: which one that is.

    `known`: the processes of which the sender has reports. `figures`: its own, as a list of `Figure`.
    """

    id: str
    group: str
    known: list[str]
    figures: msgspec.Raw


class FiguresReport(msgspec.Struct, frozen=True, tag="answer", array_like=True):
    """The figures of the sender. `earlier`: reports of processes that were not `known` to whom it answers."""

    id: str
    group: str
    figures: msgspec.Raw
    earlier: dict[str, msgspec.Raw]


_DECODER = msgspec.msgpack.Decoder(FiguresRequest | FiguresReport)


class KnownReports:
    """The last reports of the other processes, by their ids. Every process hears all of them. `limit`: how many are kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        #: In the order in which they arrived.
        self._reports: dict[str, bytes] = {}

    def keep(self, process: str, figures: msgspec.Raw) -> None:
        """Keep a report in place of the one before."""
        self._reports.pop(process, None)
        self._reports[process] = bytes(figures)
        while len(self._reports) > self._limit:
            del self._reports[next(iter(self._reports))]

    def learn(self, earlier: dict[str, msgspec.Raw]) -> None:
        """Keep the reports of processes that are not known."""
        for process, figures in earlier.items():
            if process not in self._reports:
                self.keep(process, figures)

    def unknown_to(self, known: list[str]) -> dict[str, msgspec.Raw]:
        """Return the reports of other processes than these."""
        return {key: msgspec.Raw(one) for key, one in self._reports.items() if key not in known}

    def items(self) -> list[tuple[str, bytes]]:
        """Return all reports."""
        return list(self._reports.items())


class ProcessFigures:
    """Collects the figures of this process, and of the others that have the same parent."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._others = app.settings.server.workers - 1
        self._group = f"{socket.gethostname()} {os.getppid()}"
        self._known = KnownReports(self._others + MAX_ENDED)
        self._waiting: dict[str, tuple[set[str], asyncio.Event]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        if self._others:
            app.instance_channel.subscribe(TOPIC, self._receive)

    async def text(self, accept: str) -> tuple[bytes, bytes]:
        """Return the figures of all processes as monitoring reads them, and the content type. `accept`: the header.

        Takes LIMIT_SECONDS if one of the processes does not answer.
        """
        own = await self._read()
        answered = await self._ask(own) if self._others else set()
        known = self._known.items()

        def formatted() -> tuple[bytes, bytes]:
            from portico_metrics import exposition

            present = [own, *(report for process, report in known if process in answered)]
            silent = [report for process, report in known if process not in answered]
            found = exposition.add_up(
                [exposition.decoded(one) for one in present],
                [exposition.decoded(one) for one in silent],
            )
            processes = exposition.processes(len(present), self._others + 1 - len(present))
            return exposition.exposition([*found, processes], accept)

        return await asyncio.to_thread(formatted)

    async def _read(self) -> bytes:
        """Return the figures of this process."""
        readings = await self._app.read_metrics()

        def encoded() -> bytes:  # in a thread, since the first call imports the library
            from portico_metrics import exposition

            return msgspec.msgpack.encode(exposition.figures(readings))

        return await asyncio.to_thread(encoded)

    async def _ask(self, own: bytes) -> set[str]:
        """Ask the others, and tell them the own figures. Return which of them have answered in time."""
        known = [process for process, _ in self._known.items()]
        question = FiguresRequest(new_id(), self._group, known, msgspec.Raw(own))
        answered, is_complete = self._waiting[question.id] = set(), asyncio.Event()
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                self._app.instance_channel.publish(TOPIC, msgspec.msgpack.encode(question))
                await is_complete.wait()
        except TimeoutError:
            pass
        finally:
            del self._waiting[question.id]
        return answered

    def _receive(self, sender: str, payload: bytes) -> None:
        try:
            message = _DECODER.decode(payload)
        except msgspec.MsgspecError:
            return  # of another release
        if message.group != self._group:
            return
        self._known.keep(sender, message.figures)
        if isinstance(message, FiguresRequest):
            task = asyncio.create_task(self._answer(message))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        elif message.id in self._waiting:
            self._known.learn(
                {
                    k: one
                    for k, one in message.earlier.items()
                    if k != self._app.instance_channel.instance_id
                }
            )
            answered, is_complete = self._waiting[message.id]
            answered.add(sender)
            if len(answered) >= self._others:
                is_complete.set()

    async def _answer(self, question: FiguresRequest) -> None:
        own = await self._read()
        earlier = self._known.unknown_to(question.known)
        report = FiguresReport(question.id, self._group, msgspec.Raw(own), earlier)
        self._app.instance_channel.publish(TOPIC, msgspec.msgpack.encode(report))
