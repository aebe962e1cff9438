"""Calls of models for other plugins: with prompts of the server, and what endpoints add to those of clients."""

from collections.abc import Callable, Sequence

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.interfaces import ModelCall, ModelRecord
from portico.api.models import ResolvedModel, SourceResponse
from portico.api.prompts import PromptTemplate, last_user_text, transcript, user_variables
from portico_completions.params import merged
from portico_completions.request import CompletionRequest
from portico_completions.source_request import source_request


class ModelCalls:
    """Calls models with the prompts of other plugins (the service `ModelCaller`)."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def call(self, actor: Actor, call: ModelCall) -> SourceResponse:
        """Return the model's response (part of `ModelCaller`)."""
        request = CompletionRequest(
            model=call.target.id,
            messages=[msgspec.Raw(msgspec.json.encode(message)) for message in call.messages],
            stream=call.stream,
            body={key: msgspec.Raw(msgspec.json.encode(v)) for key, v in call.body.items()},
            params={},
            variables={},
            chat_id=call.chat_id,
            message_id=None,
            parent_id=None,
            direct=False,
        )
        made = await source_request(self._app, actor, request, call.target, stream=call.stream)
        return await self._app.gateway.send(call.target, made)

    async def apply_record(
        self,
        actor: Actor,
        target: ResolvedModel,
        system: str,
        messages: Callable[[], Sequence[msgspec.Raw]],
    ) -> ModelRecord:
        """Return what an endpoint adds to a client's call (part of `ModelCaller`)."""
        if system and not await self._app.identity.is_permitted(actor, "chat.system_prompt"):
            system = ""
        prompts = [prompt for prompt in (target.system, system) if prompt]
        template = PromptTemplate(
            await user_variables(self._app.identity, actor, prompts),
            {},
            lambda: last_user_text(messages()),
            lambda: transcript(messages()),
        )
        return ModelRecord(
            system="\n".join(map(template.fill, prompts)), params=merged({}, target.params)
        )
