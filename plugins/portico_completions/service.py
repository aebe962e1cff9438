"""One turn: may they, which model, what is it told, who answers, and what is noted of it."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from portico.api import (
    Actor,
    Completion,
    Conversations,
    Forbidden,
    House,
    NotFound,
    Refusal,
    Reply,
)
from portico_completions.params import merged, wants_stream
from portico_completions.prompts import (
    conversation,
    first_system,
    in_front,
    last_words,
    with_text,
    without_system,
)
from portico_completions.templates import Template
from portico_completions.turn import Turn

MODEL_NOT_FOUND = "Model not found"


class _Target(Protocol):
    params: Mapping[str, Any]


class Completions:
    """Has models answer. Without HTTP: takes a turn, gives a reply."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def answer(self, turn: Turn, actor: Actor) -> Reply:
        """The model's reply.

        Raises: NotFound for a model or a chat that is not there or not theirs; Forbidden for a temporary chat
        where those are not allowed (or a stored one where only those are); whatever the source raises.
        """
        turn = await self._within_permissions(turn, actor)
        chats = await self._chats(turn, actor)
        noted = {"parentId": turn.parent_id, "model": turn.model}
        try:
            reply = await self._complete(turn, actor)
        except Refusal as refusal:
            await self._note(chats, turn, noted | {"error": {"content": refusal.detail}})
            raise
        if reply.status >= 400:
            noted["error"] = {"content": _message_in(reply)}
        try:
            await self._note(chats, turn, noted)
        except BaseException:
            await _close(reply)
            raise
        return reply
