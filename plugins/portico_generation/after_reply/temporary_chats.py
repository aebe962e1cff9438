"""Follow-up questions in chats that are not stored: in this process, and lost with it."""

import asyncio
from collections import Counter
from functools import partial
from typing import Final

import structlog

from portico.api import AppContext, DomainError, error_location
from portico.api.interfaces import ReplyFinishing
from portico_generation.after_reply.questions import BackgroundQuestions, send_event
from portico_generation.answers import read_follow_ups
from portico_generation.generator import FOLLOW_UPS, Generator

#: Chats for which a model is asked at once, in all and of one account. Others get no questions: nothing is lost with them.
MAX_AT_ONCE: Final = 50
MAX_OF_ACCOUNT: Final = 4

log = structlog.get_logger("portico.generation")


class TemporaryChats:
    """Asks for follow-up questions after a reply, and sends them. Stores nothing."""

    def __init__(self, app: AppContext, generator: Generator) -> None:
        self._app, self._generator = app, generator
        self._questions = BackgroundQuestions(app, generator)
        self._running: set[asyncio.Task[None]] = set()
        self._of_account: Counter[str] = Counter()

    def start(self, event: ReplyFinishing) -> None:
        """Begin to ask for follow-up questions, if the client wants them. Returns at once."""
        user_id = event.user_id
        is_full = len(self._running) >= MAX_AT_ONCE or self._of_account[user_id] >= MAX_OF_ACCOUNT
        if is_full or not event.wanted.follow_up_generation:
            return
        work = asyncio.create_task(self._suggest(event))
        self._running.add(work)
        self._of_account[user_id] += 1
        work.add_done_callback(partial(self._end, user_id))

    def _end(self, user_id: str, work: asyncio.Task[None]) -> None:
        self._running.discard(work)
        self._of_account[user_id] -= 1
        if not self._of_account[user_id]:
            del self._of_account[user_id]

    async def stop(self) -> None:
        """Cancel what runs."""
        for work in list(self._running):
            work.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def _suggest(self, event: ReplyFinishing) -> None:
        try:
            if not (await self._generator.settings()).enable_follow_ups:
                return
            answer = await self._questions.ask(
                event.user_id, FOLLOW_UPS, event.model, event.messages or ()
            )
        except DomainError as refusal:
            log.info("no follow-up questions", reason=refusal.detail)
            return
        except Exception as error:  # noqa: BLE001 - of a plugin's source; the reply is there already
            log.error(
                "no follow-up questions", error=type(error).__name__, at=error_location(error)
            )
            return
        if found := read_follow_ups(answer):
            ids = (event.user_id, event.chat_id, event.message_id)
            data = {"follow_ups": found}
            send_event(self._app, *ids, kind="chat:message:follow_ups", data=data)
