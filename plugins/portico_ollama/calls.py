"""Calls of models for clients that speak Ollama's API: access, the conversion of the request and of the answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.interfaces import ModelCall, ModelCaller
from portico.api.json import RawFields
from portico.api.models import SourceRequest, SourceResponse
from portico_ollama.embeddings import EmbeddingList
from portico_ollama.model_lookup import ModelLookup
from portico_ollama.native_answer import AnswerWriter, written
from portico_ollama.native_request import (
    NativeRequest,
    has_system_prompt,
    model_name,
    without_system_prompt,
)

#: Bytes of vectors that are decoded on the event loop.
MAX_BYTES_ON_LOOP = 256 * 1024


class OllamaCalls:
    """Calls models. `index` in the methods: the number of the connection that must answer; None = any that offers the model."""

    def __init__(self, app: AppContext, models: ModelLookup) -> None:
        self._app, self._models = app, models

    async def complete(
        self,
        request: NativeRequest,
        actor: Actor,
        index: int | None,
        writer: Callable[[str], AnswerWriter] | None = None,
    ) -> SourceResponse:
        """Return the answer to a chat or a prompt, in the format of `writer`; None = OpenAI's chat completions.

        Raises: NotFound for a model that the actor may not use; all errors of the source.
        """
        target = await self._models.find(request.model, actor, index)
        call = ModelCall(
            target=target,
            messages=await self._permitted(request, actor),
            body=request.body,
            stream=request.stream,
        )
        response = await self._app.services.require(ModelCaller).call(actor, call)
        return response if writer is None else written(response, writer(request.model))

    async def embed(
        self, data: RawFields, actor: Actor, index: int | None, *, is_former_api: bool
    ) -> SourceResponse:
        """Return vectors: `{"embeddings": […]}`, or `{"embedding": […]}` of the former API, whose text is in `prompt`.

        Raises: as `complete`.
        """
        name = model_name(data)
        target = await self._models.find(name, actor, index)
        text = data.get("prompt" if is_former_api else "input", msgspec.Raw(b"[]"))
        response = await self._app.gateway.send(
            target,
            SourceRequest(
                model=target.model,
                body={**data, "input": text},
                params={},  # those of chats
                stream=False,
                actor=actor,
                operation="embeddings",
            ),
        )
        if response.status >= 400:
            return response
        assert isinstance(response.body, bytes)
        write = _former_vectors if is_former_api else _vectors
        if len(response.body) <= MAX_BYTES_ON_LOOP:
            return SourceResponse(body=write(response.body, name))
        return SourceResponse(body=await asyncio.to_thread(write, response.body, name))

    async def _permitted(self, request: NativeRequest, actor: Actor) -> list[dict[str, Any]]:
        """Return the messages without system prompts, if the actor may not set one."""
        if not has_system_prompt(request.messages):
            return request.messages
        if await self._app.identity.is_permitted(actor, "chat.system_prompt"):
            return request.messages
        return without_system_prompt(request.messages)


def _vectors(body: bytes, model: str) -> bytes:
    found = msgspec.json.decode(body, type=EmbeddingList)
    answer = {"model": model, "embeddings": [item.embedding for item in found.data]}
    return msgspec.json.encode(answer | {"prompt_eval_count": found.usage.prompt_tokens})


def _former_vectors(body: bytes, _: str) -> bytes:
    found = msgspec.json.decode(body, type=EmbeddingList)
    return msgspec.json.encode({"embedding": found.data[0].embedding if found.data else []})
