"""Answers messages: passed through to sources that have this endpoint, else translated to chat completions."""

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
    estimated_input,
    is_own_key,
    translated_response,
)
from portico_messages.answer import MessageTranslator
from portico_messages.chat_request import chat_body, chat_messages
from portico_messages.form import MessagesForm, MessagesHead, parse_form, parse_head

Body = Mapping[str, msgspec.Raw]


class Messages:
    """Answers messages. Knows nothing of HTTP."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def create(self, data: Body, actor: Actor) -> SourceResponse:
        """Return the response to a request of Anthropic's `POST /v1/messages`.

        Raises: ValidationError for an invalid body; NotFound for an unknown or unreadable model; InvalidRequest for what
        a chat completion cannot do; all errors of the source.
        """
        head = parse_head(data)
        target = await self._app.catalogue.resolve(head.model, actor)
        head = await self._permitted(head, actor)
        if target.answers("messages"):
            return await self._app.gateway.send(target, await self._native(head, target, actor))
        size = sum(len(memoryview(value)) for value in data.values())
        await let_others_run(size)
        form = parse_form(head.data)
        await let_others_run(size)
        request = await self._chat_request(head, form, target, actor)
        response = await self._app.gateway.send(target, request)
        translator = MessageTranslator(
            target.id,
            shows_thinking=form.thinking is not None and form.thinking.is_shown,
            stop_sequences=form.stop_sequences,
        )
        return await translated_response(response, translator, stream=head.stream)

    async def count_tokens(self, data: Body, actor: Actor) -> int:
        """Return about how many tokens a request has: from the sizes of its texts. Raises: as `create`."""
        head = parse_head({"max_tokens": msgspec.Raw(b"1"), **data})
        target = await self._app.catalogue.resolve(head.model, actor)
        head = await self._permitted(head, actor)
        if target.answers("messages"):
            return estimated_input(await self._native(head, target, actor))
        return estimated_input(await self._chat_request(head, parse_form(head.data), target, actor))

    async def _chat_request(
        self, head: MessagesHead, form: MessagesForm, target: ResolvedModel, actor: Actor
    ) -> SourceRequest:
        messages = chat_messages(form.messages)
        record = await self._record(head, target, actor, lambda: messages)
        if record.system:
            first = msgspec.json.encode({"role": "system", "content": record.system})
            messages = [msgspec.Raw(first), *messages]
        body = {"messages": msgspec.Raw(msgspec.json.encode(messages)), **chat_body(form)}
        stream = head.stream and target.params.get("stream_response") is not False
        if stream:  # the protocol sends the usage with each answer
            body["stream_options"] = msgspec.Raw(b'{"include_usage":true}')
        return SourceRequest(
            model=target.model, body=body, params=record.params, stream=stream, actor=actor
        )

    async def _native(
        self, head: MessagesHead, target: ResolvedModel, actor: Actor
    ) -> SourceRequest:
        body = {
            key: value
            for key, value in head.data.items()
            if key not in ("model", "stream") and (key == "metadata" or not is_own_key(key))
        }
        record = await self._record(
            head, target, actor, lambda: chat_messages(parse_form(head.data).messages)
        )
        if record.system != head.system_text:
            given = head.data.get("system", msgspec.Raw(b"null"))
            body["system"] = _system(given, head.system_text, record.system)
        return SourceRequest(
            operation="messages",
            model=target.model,
            body=body,
            params=record.params,
            stream=head.stream,
            actor=actor,
        )

    async def _record(
        self,
        head: MessagesHead,
        target: ResolvedModel,
        actor: Actor,
        messages: Callable[[], Sequence[msgspec.Raw]],
    ) -> ModelRecord:
        caller = self._app.services.require(ModelCaller)
        return await caller.apply_record(actor, target, head.system_text, messages)

    async def _permitted(self, head: MessagesHead, actor: Actor) -> MessagesHead:
        """Return the request without messages of the system, unless the actor may set them."""
        if not head.has_system_messages:
            return head
        is_permitted = await self._app.identity.is_permitted(actor, "chat.system_prompt")
        return head if is_permitted else head.without_system_messages()


def _system(given: msgspec.Raw, given_text: str, system: str) -> msgspec.Raw:
    """Return the system prompt. The client's blocks stay as they are, since caches of providers depend on them."""
    if bytes(given).startswith(b"[") and given_text and system.endswith(given_text):
        above = {"type": "text", "text": system.removesuffix(given_text).rstrip("\n")}
        blocks = msgspec.json.decode(given, type=list[msgspec.Raw])
        return msgspec.Raw(msgspec.json.encode([above, *blocks]))
    return msgspec.Raw(msgspec.json.encode(system))
