"""Asks a model for a title, for tags, for a search query: chooses the model, fills the prompt, makes the call."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from portico.api import AppContext, InvalidRequest, SourceFailed
from portico.api.auth import Actor
from portico.api.interfaces import ChatMessage, ModelCall, ModelCaller
from portico.api.models import ResolvedModel, SourceResponse, close_body, error_in
from portico.api.prompts import PromptTemplate, user_variables
from portico_generation.answers import answer_text
from portico_generation.conversation_text import ConversationLines, last_user_text
from portico_generation.settings import GenerationSettings

#: Characters of a template and its messages that are prepared on the event loop.
MAX_CHARS_ON_LOOP: Final = 20_000
STREAMED: Final = "The model answered with a stream."


class GenerationKind(msgspec.Struct, frozen=True):
    """What is generated.

    `prompt`: a key of `DEFAULT_PROMPTS`. `body`: keys of the request to the model. `uses_task_model`: the model that an
    administrator chose for such work is asked in place of the user's.
    """

    prompt: str
    body: Mapping[str, Any] = {}
    uses_task_model: bool = True


TITLE: Final = GenerationKind("title_prompt", {"max_completion_tokens": 1000})
FOLLOW_UPS: Final = GenerationKind("follow_up_prompt")
TAGS: Final = GenerationKind("tags_prompt")
QUERIES: Final = GenerationKind("query_prompt")
AUTOCOMPLETE: Final = GenerationKind("autocomplete_prompt")
IMAGE_PROMPT: Final = GenerationKind("image_prompt")
EMOJI: Final = GenerationKind("emoji", {"max_completion_tokens": 4})
MIXTURE: Final = GenerationKind("mixture", uses_task_model=False)


class GenerationInput(msgspec.Struct, frozen=True, kw_only=True):
    """What it is generated from. `model`: id of the user's model. `prompt`: None = the user's last message.

    `values`: more values of placeholders, by name.
    """

    model: str
    messages: Sequence[ChatMessage] = ()
    prompt: str | None = None
    values: Mapping[str, str] = {}
    stream: bool = False


class Generator:
    """Generates with the settings as they are at the moment."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def settings(self) -> GenerationSettings:
        """Return the current settings."""
        return await self._app.runtime_settings.section(GenerationSettings).current()

    async def complete(
        self, actor: Actor, kind: GenerationKind, given: GenerationInput
    ) -> SourceResponse:
        """Return the model's response.

        Raises: NotFound if the actor may not use the model; InvalidRequest if the prompt becomes too long; all errors of
        the source.
        """
        target = await self._app.catalogue.resolve(given.model, actor)
        settings = await self.settings()
        if kind.uses_task_model:
            target = await self._task_model(settings, target)
        content = await self._fill(actor, settings.prompt(kind.prompt), given)
        call = ModelCall(
            target=target,
            messages=[{"role": "user", "content": content}],
            body=kind.body,
            stream=given.stream,
        )
        return await self._app.services.require(ModelCaller).call(actor, call)

    async def answer(self, actor: Actor, kind: GenerationKind, given: GenerationInput) -> str:
        """Return the text of the model's answer; empty if it has none. Raises: as `complete`; InvalidRequest if it was refused."""
        response = await self.complete(actor, kind, given)
        if not isinstance(response.body, bytes):  # a source that streams in any case
            await close_body(response.body)
            raise SourceFailed(STREAMED)
        if (refusal := error_in(response)) is not None:
            raise InvalidRequest(refusal)
        return answer_text(response.body)

    async def _task_model(
        self, settings: GenerationSettings, target: ResolvedModel
    ) -> ResolvedModel:
        """Return the administrator's model for such work if there is one: which all users share, also without access to it."""
        is_local = target.connection_type == "local"
        chosen = settings.task_model if is_local else settings.task_model_external
        if not chosen:
            return target
        return await self._app.catalogue.find_for_operator(chosen) or target

    async def _fill(self, actor: Actor, prompt: str, given: GenerationInput) -> str:
        template = PromptTemplate(
            await user_variables(self._app.identity, actor, (prompt,)),
            {f"{{{{{name}}}}}": value for name, value in given.values.items()},
            lambda: last_user_text(given.messages) if given.prompt is None else given.prompt,
            lambda: ConversationLines(given.messages),
        )
        size = len(prompt) + sum(len(message.text) for message in given.messages)
        if size <= MAX_CHARS_ON_LOOP:
            return template.fill(prompt)
        return await asyncio.to_thread(template.fill, prompt)  # other requests get a turn
