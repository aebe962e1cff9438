"""Calls of models with prompts of the server, for other plugins."""

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.interfaces import ModelCall
from portico.api.models import SourceResponse
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
