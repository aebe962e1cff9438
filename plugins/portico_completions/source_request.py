"""The request that a model source is sent: messages with the system prompt of the model, and merged parameters."""

from collections.abc import Sequence

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.json import let_others_run
from portico.api.models import AddedFiles, ResolvedModel, SourceRequest
from portico.api.prompts import (
    TEMPLATE_KEYS,
    PromptTemplate,
    last_user_text,
    prepend_system,
    system_index,
    text_of,
    transcript,
    user_variables,
    with_text,
    without_templates,
)
from portico_completions.params import merged
from portico_completions.request import CompletionRequest


async def source_request(
    app: AppContext,
    actor: Actor,
    request: CompletionRequest,
    target: ResolvedModel,
    *,
    stream: bool,
    folder_prompt: str = "",
    added_files: AddedFiles | None = None,
) -> SourceRequest:
    """Return the request to the source of a model.

    `stream`: whether the answer is streamed. `folder_prompt`: the actor's system prompt for the folder that the chat is in.
    """
    if _has_templates(request):
        request = await _without_templates(app, actor, request, target)
    prompts = [folder_prompt, target.system or ""]
    messages = await _with_system_prompts(app, actor, request, prompts)
    await let_others_run(request.size)
    body = {
        "model": msgspec.Raw(msgspec.json.encode(target.model)),
        "messages": msgspec.Raw(msgspec.json.encode(messages)),
        **request.body,
    }
    await let_others_run(request.size)
    return SourceRequest(
        model=target.model,
        body=body,
        params=merged(request.params, target.params),
        stream=stream,
        actor=actor,
        chat_id=request.chat_id,
        added_files=added_files,
        options=request.options,
    )


async def _without_templates(
    app: AppContext, actor: Actor, request: CompletionRequest, target: ResolvedModel
) -> CompletionRequest:
    """Return the request without templates, if the model has a system prompt or the actor may not set one."""
    if not target.system and await app.identity.is_permitted(actor, "chat.system_prompt"):
        return request
    params = without_templates(request.params)
    if isinstance(custom := params.get("custom_params"), dict):
        params["custom_params"] = without_templates(custom)
    return msgspec.structs.replace(request, body=without_templates(request.body), params=params)


def _has_templates(request: CompletionRequest) -> bool:
    custom = request.params.get("custom_params")
    given = (request.body, request.params, custom if isinstance(custom, dict) else ())
    return any(not TEMPLATE_KEYS.isdisjoint(keys) for keys in given)


async def _with_system_prompts(
    app: AppContext, actor: Actor, request: CompletionRequest, prompts: Sequence[str]
) -> list[msgspec.Raw]:
    """Return the messages with placeholders filled and these prompts before the request's own, the last one first."""
    messages = request.messages
    has_placeholders = any(b"{{" in bytes(message) for message in messages)
    place = system_index(messages) if has_placeholders else None
    if place is not None and b"{{" not in bytes(messages[place]):
        place = None
    if place is None and not any("{{" in prompt for prompt in prompts):
        for prompt in filter(None, prompts):
            messages = prepend_system(messages, prompt)
        return messages
    users_prompt = text_of(messages[place]) if place is not None else ""
    template = PromptTemplate(
        await user_variables(app.identity, actor, (users_prompt, *prompts)),
        request.variables,
        lambda: last_user_text(request.messages),
        lambda: transcript(request.messages),
    )
    if place is not None:
        filled = with_text(messages[place], template.fill)
        messages = [*messages[:place], filled, *messages[place + 1 :]]
    for prompt in prompts:
        if prompt:
            messages = prepend_system(messages, template.fill(prompt))
    return messages
