"""Chat completions: permissions, model, system prompt, the call to the model source, and the record in the chat."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from portico.api import AppContext, DomainError, Forbidden, NotFound, SourceFailed
from portico.api.auth import Actor
from portico.api.interfaces import ChatStore
from portico.api.json import let_others_run
from portico.api.messages import MODEL_NOT_FOUND
from portico.api.models import SourceRequest, SourceResponse
from portico_completions.params import merged, wants_stream
from portico_completions.prompt_template import PromptTemplate
from portico_completions.prompts import (
    last_user_text,
    prepend_system,
    system_index,
    text_of,
    transcript,
    with_text,
    without_system,
)
from portico_completions.request import CompletionRequest
from portico_completions.user_variables import user_variables


class Completions:
    """Completes chats with models. Knows nothing of HTTP: it takes a request and returns a response."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def complete(self, request: CompletionRequest, actor: Actor) -> SourceResponse:
        """Return the model's response.

        Raises: NotFound for an unknown or unreadable model or chat; Forbidden for a temporary chat where those are
        not permitted, or a stored one where only those are; all errors of the source.
        """
        request = await self._drop_forbidden(request, actor)
        await let_others_run(request.size)
        chats = await self._chat_store(request, actor)
        try:
            response = await self._complete(request, actor)
        except DomainError as refusal:
            failed = isinstance(refusal, SourceFailed)
            await _record(chats, request, refusal.detail, create=failed)
            raise
        try:
            error = _error_in(response)
            await _record(chats, request, error, create=error is None)
        except BaseException:
            # The response will not be read: end the call to the source.
            await _close(response.body)
            raise
        return _recorded_stream(response, chats, request)

    async def _complete(self, request: CompletionRequest, actor: Actor) -> SourceResponse:
        if request.direct:
            raise NotFound(MODEL_NOT_FOUND)
        target = await self._app.catalogue.resolve(request.model, actor)
        messages = await self._with_system_prompt(request, target.system, actor)
        await let_others_run(request.size)
        body = {
            "model": msgspec.Raw(msgspec.json.encode(target.model)),
            "messages": msgspec.Raw(msgspec.json.encode(messages)),
            **request.body,
        }
        await let_others_run(request.size)
        return await target.source.complete(
            SourceRequest(
                model=target.model,
                body=body,
                params=merged(request.params, target.params),
                stream=wants_stream(target.params, request.stream),
                actor=actor,
                chat_id=request.chat_id,
            )
        )

    async def _with_system_prompt(
        self, request: CompletionRequest, system: str | None, actor: Actor
    ) -> list[msgspec.Raw]:
        """Return the messages with placeholders filled and the model's own prompt first."""
        messages = request.messages
        place = system_index(messages)
        if place is not None and b"{{" not in bytes(messages[place]):
            place = None
        users_prompt = text_of(messages[place]) if place is not None else ""
        template = PromptTemplate(
            await user_variables(self._app, actor, (users_prompt, system or "")),
            request.variables,
            lambda: last_user_text(request.messages),
            lambda: transcript(request.messages),
        )
        if place is not None:
            filled = with_text(messages[place], template.fill)
            messages = [*messages[:place], filled, *messages[place + 1 :]]
        if system:
            messages = prepend_system(messages, template.fill(system))
        return messages

    async def _drop_forbidden(self, request: CompletionRequest, actor: Actor) -> CompletionRequest:
        """Return the request without what the actor may not set. Reads permissions only if one matters."""
        system = system_index(request.messages) is not None
        if actor.is_admin or not (request.params or request.chat_id or system):
            return request
        tree = await self._app.identity.permissions_of(actor.id)
        may = tree.get("chat", {})
        if request.is_temporary and not may.get("temporary"):
            raise Forbidden
        if request.chat_id and not request.is_temporary and may.get("temporary_enforced"):
            raise Forbidden
        if request.params and not may.get("params"):
            request = msgspec.structs.replace(request, params={})
        if system and not may.get("system_prompt"):
            request = msgspec.structs.replace(request, messages=without_system(request.messages))
        return request

    async def _chat_store(self, request: CompletionRequest, actor: Actor) -> ChatStore | None:
        """Return the store of the request's chat; None if the chat is not stored. Raises: NotFound."""
        chats = self._app.services.get(ChatStore)
        if chats is None or request.chat_id is None or request.is_temporary:
            return None
        if not await chats.may_write(actor, request.chat_id):
            raise NotFound
        return chats


async def _record(
    chats: ChatStore | None, request: CompletionRequest, error: str | None, *, create: bool
) -> None:
    """Store fields with the answering message, if the client named it.

    `create`: create the message if it does not exist. A refused request creates none, and neither does the end of a
    stream: its message was created at the start, and may have been deleted since.
    """
    if chats is None or request.chat_id is None or request.message_id is None:
        return
    fields: dict[str, Any] = {"parentId": request.parent_id, "model": request.model}
    if error is not None:
        fields["error"] = {"content": error}
    await chats.record_reply(request.chat_id, request.message_id, fields, create=create)


class RecordedStream:
    """A stream that stores the error with its message if it breaks off."""

    def __init__(
        self, body: AsyncIterator[bytes], chats: ChatStore, request: CompletionRequest
    ) -> None:
        self._body, self._chats, self._request = body, chats, request

    def __aiter__(self) -> "RecordedStream":
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._body)
        except DomainError as refusal:
            await _record(self._chats, self._request, refusal.detail, create=False)
            raise

    async def aclose(self) -> None:
        """Close the stream. Called when the client disconnects, and at the end."""
        await _close(self._body)


def _recorded_stream(
    response: SourceResponse, chats: ChatStore | None, request: CompletionRequest
) -> SourceResponse:
    if isinstance(response.body, bytes) or chats is None or request.message_id is None:
        return response
    # A stream may take minutes, and the rest of the request is not needed any more.
    small_request = msgspec.structs.replace(request, messages=[], body={}, params={}, variables={})
    return msgspec.structs.replace(
        response, body=RecordedStream(response.body, chats, small_request)
    )


def _error_in(response: SourceResponse) -> str | None:
    """Return the error message of a response; None for an answer."""
    if response.status < 400:
        return None
    try:
        found = msgspec.json.decode(response.body if isinstance(response.body, bytes) else b"null")
    except msgspec.MsgspecError:
        found = None
    error = found.get("error") if isinstance(found, Mapping) else None
    message = error.get("message") if isinstance(error, Mapping) else None
    return (
        message
        if isinstance(message, str)
        else f"The model answered with status {response.status}."
    )


async def _close(body: object) -> None:
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()
