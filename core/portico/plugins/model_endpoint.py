"""Endpoints of models: passed through to sources that have the endpoint, else translated to chat completions.

class Responses(ModelEndpoint[ResponsesHead, ResponsesForm]):
operation = "responses"
...

response = await Responses(app).create(data, actor)
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Generic, Protocol, Self, TypeAlias, TypeVar

import msgspec

from portico.catalogue import Operation, ResolvedModel, SourceRequest, SourceResponse, is_own_key
from portico.gateway import AnswerTranslator, translated_response
from portico.identity import Actor
from portico.interfaces.models import ModelCaller, ModelRecord
from portico.plugins.context import AppContext
from portico.web.request.cooperative import let_others_run

Body: TypeAlias = Mapping[str, msgspec.Raw]

#: Permission to give a model messages of the system.
SYSTEM_PROMPT = "chat.system_prompt"


class EndpointHead(Protocol):
    """What is read of every request. `data`: all keys as they were sent."""

    @property
    def model(self) -> str:
        """The id of the model."""
        ...

    @property
    def stream(self) -> bool:
        """Whether the client asks for events."""
        ...

    @property
    def data(self) -> Body:
        """All keys as they were sent."""
        ...

    @property
    def system_text(self) -> str:
        """The client's system prompt; empty = none."""
        ...

    @property
    def has_system_messages(self) -> bool:
        """Whether there are messages of the system within the conversation."""
        ...

    def without_system_messages(self) -> Self:
        """Return the request without these messages."""
        ...


Head = TypeVar("Head", bound=EndpointHead)
Form = TypeVar("Form")


class ModelEndpoint(ABC, Generic[Head, Form]):
    """Answers the requests of one endpoint. Knows nothing of HTTP."""

    #: The name of the endpoint among those that sources have.
    operation: ClassVar[Operation]

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def create(self, data: Body, actor: Actor) -> SourceResponse:
        """Return the response to a request.

        Raises: ValidationError for an invalid body; NotFound for an unknown or unreadable model; InvalidRequest for what
        a chat completion cannot do; all errors of the source.
        """
        head, target = await self._resolved(data, actor)
        if target.answers(self.operation):
            return await self._app.gateway.send(target, await self._native(head, target, actor))
        size = sum(len(memoryview(value)) for value in data.values())
        await let_others_run(size)
        form = self.parse_form(head.data)
        await let_others_run(size)
        request = await self._chat_request(head, form, target, actor)
        response = await self._app.gateway.send(target, request)
        translator = self.translator(form, target.id)
        return await translated_response(response, translator, stream=head.stream)

    async def source_request(self, data: Body, actor: Actor) -> SourceRequest:
        """Return the request that a source would be sent. Raises: as `create`, without the errors of the source."""
        head, target = await self._resolved(data, actor)
        if target.answers(self.operation):
            return await self._native(head, target, actor)
        return await self._chat_request(head, self.parse_form(head.data), target, actor)

    # -- what an endpoint defines ---------------------------------------------------------------------------

    @abstractmethod
    def parse_head(self, data: Body) -> Head:
        """Read what every request needs. Raises: ValidationError."""

    @abstractmethod
    def parse_form(self, data: Body) -> Form:
        """Read a request that is translated. Raises: ValidationError, InvalidRequest."""

    @abstractmethod
    def chat_messages(self, form: Form) -> list[msgspec.Raw]:
        """Return the conversation as messages of chat completions."""

    @abstractmethod
    def chat_body(self, form: Form) -> Mapping[str, msgspec.Raw]:
        """Return the other keys of the chat completion."""

    @abstractmethod
    def system_key(self, head: Head, system: str) -> tuple[str, msgspec.Raw]:
        """Return the key that holds the system prompt, with its value for this one."""

    @abstractmethod
    def translator(self, form: Form, model_id: str) -> AnswerTranslator:
        """Return what translates the answer of a chat completion."""

    # -------------------------------------------------------------------------------------------------------

    async def _resolved(self, data: Body, actor: Actor) -> tuple[Head, ResolvedModel]:
        """Return the request, without messages of the system unless the actor may set them, and its model."""
        head = self.parse_head(data)
        target = await self._app.catalogue.resolve(head.model, actor)
        if head.has_system_messages and not await self._app.identity.is_permitted(
            actor, SYSTEM_PROMPT
        ):
            head = head.without_system_messages()
        return head, target

    async def _chat_request(
        self, head: Head, form: Form, target: ResolvedModel, actor: Actor
    ) -> SourceRequest:
        messages = self.chat_messages(form)
        record = await self._record(head, target, actor, lambda: messages)
        if record.system:
            first = msgspec.json.encode({"role": "system", "content": record.system})
            messages = [msgspec.Raw(first), *messages]
        body = {"messages": msgspec.Raw(msgspec.json.encode(messages)), **self.chat_body(form)}
        stream = head.stream and target.params.get("stream_response") is not False
        if stream:  # the translated stream has the usage
            body["stream_options"] = msgspec.Raw(b'{"include_usage":true}')
        return SourceRequest(
            model=target.model, body=body, params=record.params, stream=stream, actor=actor
        )

    async def _native(self, head: Head, target: ResolvedModel, actor: Actor) -> SourceRequest:
        body = {
            key: value
            for key, value in head.data.items()
            if key not in ("model", "stream") and (key == "metadata" or not is_own_key(key))
        }
        record = await self._record(
            head, target, actor, lambda: self.chat_messages(self.parse_form(head.data))
        )
        if record.system != head.system_text:
            key, value = self.system_key(head, record.system)
            body[key] = value
        return SourceRequest(
            operation=self.operation,
            model=target.model,
            body=body,
            params=record.params,
            stream=head.stream,
            actor=actor,
        )

    async def _record(
        self,
        head: Head,
        target: ResolvedModel,
        actor: Actor,
        messages: Callable[[], Sequence[msgspec.Raw]],
    ) -> ModelRecord:
        caller = self._app.services.require(ModelCaller)
        return await caller.apply_record(actor, target, head.system_text, messages)
