"""Asks a model in the name of an account that has no request, and sends events to its sockets."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from portico.api import (
    AppContext,
    DomainError,
    RateLimited,
    SourceFailed,
    SourceTimedOut,
    Unavailable,
)
from portico.api.auth import Actor
from portico.api.interfaces import ChatMessage
from portico.api.sockets import CHAT_EVENT, chat_event
from portico.api.tasks import TaskFailed
from portico_generation.generator import GenerationInput, GenerationKind, Generator

#: Seconds that a model has for its answer.
ANSWER_SECONDS: Final = 120.0
NO_ACCOUNT: Final = "The account may not use models any more."


class BackgroundQuestions:
    """Asks models as an account would, with the rights that it has at the moment."""

    def __init__(self, app: AppContext, generator: Generator) -> None:
        self._app, self._generator = app, generator

    async def ask(
        self,
        user_id: str,
        kind: GenerationKind,
        model: str,
        messages: Sequence[ChatMessage],
    ) -> str:
        """Return the text of the model's answer; empty if it is of another shape.

        Raises: SourceFailed, RateLimited and Unavailable, which may pass; TaskFailed for what does not.
        """
        actor = await self._actor(user_id)
        given = GenerationInput(model=model, messages=messages)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._generator.answer(actor, kind, given)
        except TimeoutError:
            raise SourceTimedOut from None
        except (SourceFailed, RateLimited, Unavailable):
            raise
        except DomainError as refusal:
            raise TaskFailed(refusal.detail) from refusal

    async def _actor(self, user_id: str) -> Actor:
        account = await self._app.identity.accounts.find(user_id)
        if account is None or not (actor := Actor.of(account, "task")).is_verified:
            raise TaskFailed(NO_ACCOUNT)
        return actor


def send_event(
    app: AppContext, user_id: str, chat_id: str, message_id: str, *, kind: str, data: Any
) -> None:
    """Send an event about a message to all sockets of an account."""
    payload = chat_event(chat_id, message_id, kind, data)
    app.sockets.emit_to_account(user_id, CHAT_EVENT, payload)
