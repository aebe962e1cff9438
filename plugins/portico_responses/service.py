"""Answers with responses: passed through to sources that have this endpoint, else translated to chat completions."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.interfaces import ModelCaller, ModelRecord
from portico.api.json import let_others_run
from portico.api.models import (
    ResolvedModel,
    SourceRequest,
    SourceResponse,
    is_own_key,
    translated_response,
)
from portico_responses.answer import ResponseTranslator
from portico_responses.chat_request import chat_body, chat_messages
from portico_responses.form import ResponsesForm, ResponsesHead, parse_form, parse_head

Body = Mapping[str, msgspec.Raw]


class Responses:
    """Answers with responses. Knows nothing of HTTP."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def create(self, data: Body, actor: Actor) -> SourceResponse:
        """Return the response to a request of OpenAI's `POST /v1/responses`.

        Raises: ValidationError for an invalid body; NotFound for an unknown or unreadable model; InvalidRequest for what
        a chat completion cannot do; all errors of the source.
        """
        head = parse_head(data)
        target = await self._app.catalogue.resolve(head.model, actor)
        head = await self._permitted(head, actor)
        if target.answers("responses"):
            return await self._app.gateway.send(target, await self._native(head, target, actor))
        size = sum(len(memoryview(value)) for value in data.values())
        await let_others_run(size)
        form = parse_form(head.data)
        await let_others_run(size)
        request = await self._chat_request(head, form, target, actor)
        response = await self._app.gateway.send(target, request)
        translator = ResponseTranslator(form, target.id)
        return await translated_response(response, translator, stream=head.stream)

    async def _chat_request(
        self, head: ResponsesHead, form: ResponsesForm, target: ResolvedModel, actor: Actor
    ) -> SourceRequest:
        messages = chat_messages(form.items)
        record = await self._record(head, target, actor, lambda: messages)
        if record.system:
            first = msgspec.json.encode({"role": "system", "content": record.system})
            messages = [msgspec.Raw(first), *messages]
        body = {"messages": msgspec.Raw(msgspec.json.encode(messages)), **chat_body(form)}
        stream = head.stream and target.params.get("stream_response") is not False
        if stream:  # the last event has the usage
            body["stream_options"] = msgspec.Raw(b'{"include_usage":true}')
        return SourceRequest(
            model=target.model, body=body, params=record.params, stream=stream, actor=actor
        )

    async def _native(
        self, head: ResponsesHead, target: ResolvedModel, actor: Actor
    ) -> SourceRequest:
        body = {
            key: value
            for key, value in head.data.items()
            if key not in ("model", "stream") and (key == "metadata" or not is_own_key(key))
        }
        record = await self._record(
            head, target, actor, lambda: chat_messages(parse_form(head.data).items)
        )
        if record.system != head.instructions:
            body["instructions"] = msgspec.Raw(msgspec.json.encode(record.system))
        return SourceRequest(
            operation="responses",
            model=target.model,
            body=body,
            params=record.params,
            stream=head.stream,
            actor=actor,
        )

    async def _record(
        self,
        head: ResponsesHead,
        target: ResolvedModel,
        actor: Actor,
        messages: Callable[[], Sequence[msgspec.Raw]],
    ) -> ModelRecord:
        caller = self._app.services.require(ModelCaller)
        return await caller.apply_record(actor, target, head.instructions, messages)

    async def _permitted(self, head: ResponsesHead, actor: Actor) -> ResponsesHead:
        """Return the request without messages of the system, unless the actor may set them."""
        if not head.has_system_messages:
            return head
        is_permitted = await self._app.identity.is_permitted(actor, "chat.system_prompt")
        return head if is_permitted else head.without_system_messages()
