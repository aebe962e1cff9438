"""Chat completions: permissions, model, system prompt, the call to the model source, and the record in the chat."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from portico.api import (
    AppContext,
    DomainError,
    Forbidden,
    InvalidRequest,
    NotFound,
    SourceFailed,
    error_location,
)
from portico.api.auth import Actor
from portico.api.interfaces import ChatStore, FolderContext, FolderLookup, WritableChat
from portico.api.json import let_others_run
from portico.api.messages import MODEL_NOT_FOUND
from portico.api.models import (
    ActionRequest,
    AddedFiles,
    Deferral,
    Gateway,
    GatewayResponse,
    ResolvedModel,
    SourceRequest,
    SourceResponse,
    close_body,
    error_in,
)
from portico.api.prompts import has_system, without_system
from portico_completions.arena_choice import with_choice
from portico_completions.chat_store import chat_store_of
from portico_completions.direct_source import DirectSource
from portico_completions.finished_turn import FinishedTurn
from portico_completions.params import wants_stream
from portico_completions.replies.followed import DetachedStream, FollowedReply, FollowedStream
from portico_completions.replies.reasoning_tags import tags_of
from portico_completions.replies.reply import ReplyOptions
from portico_completions.replies.running import Replies
from portico_completions.request import CompletionRequest
from portico_completions.settings import CompletionsSettings
from portico_completions.source_request import source_request

log = structlog.get_logger("portico.completions")

#: Deltas between two events, at most: a client must see the text grow.
MAX_MIN_DELTAS: Final = 1000
#: Messages of a temporary chat from which follow-up questions are generated.
MAX_KEPT_MESSAGES: Final = 20
NO_FOLDER: Final = FolderContext()
INVALID_SESSION: Final = "Invalid session"


class CheckedRequest(NamedTuple):
    """What an actor may ask for. `chats`: the store of the chat; None if it is not stored. `folder`: what its folder adds."""

    request: CompletionRequest
    chats: ChatStore | None
    folder: FolderContext = NO_FOLDER


class PreparedCall(msgspec.Struct):
    """A call of a model that is ready to be made. `options`: how its reply is displayed."""

    gateway: Gateway
    target: ResolvedModel
    requests: list[SourceRequest]
    options: ReplyOptions

    async def __call__(self, deferred: Deferral = "all") -> GatewayResponse:
        """Call the model, once: the request, which may be large, is not needed afterwards.

        `deferred`: the answers whose outlets the caller runs, because it stores their text.
        """
        request = self.requests.pop()
        response = await self.gateway.send(self.target, request, deferred=deferred)
        return with_choice(response, self.target)


class Completions:
    """Completes chats with models. Knows nothing of HTTP: it takes a request and returns a response."""

    def __init__(self, app: AppContext, settings: CompletionsSettings, replies: Replies) -> None:
        self._app, self._settings, self._replies = app, settings, replies

    async def complete(self, request: CompletionRequest, actor: Actor) -> SourceResponse:
        """Return the model's response.

        Raises: NotFound for an unknown or unreadable model or chat; Forbidden for a temporary chat where those are
        not permitted, or a stored one where only those are; all errors of the source.
        """
        checked = await self._check(request, actor)
        request, chats = checked.request, checked.chats
        try:
            call = await self._prepare(checked, actor)
            is_stored = chats is not None and request.message_id is not None
            response = await call("streams" if is_stored else "none")
        except DomainError as refusal:
            await _record_refusal(chats, request, refusal)
            raise
        try:
            return await self._recorded(response, call.options, chats, request, actor)
        except BaseException:
            # The response will not be read: end the call to the source.
            await close_body(response.body)
            raise

    async def start(self, request: CompletionRequest, actor: Actor) -> str:
        """Have the server generate the reply, which is delivered in events. Return the id of its task.

        Raises: as `complete`, without the errors of the source; RateLimited if too many replies are being generated.
        """
        checked = await self._check(request, actor)
        request, chats = checked.request, checked.chats
        try:
            call = await self._prepare(checked, actor)
        except DomainError as refusal:
            await _record_refusal(chats, request, refusal)
            raise
        kept = _without_content(request)
        if chats is None and request.wanted.follow_up_generation:  # they are nowhere else
            kept = msgspec.structs.replace(kept, messages=request.messages[-MAX_KEPT_MESSAGES:])
        return await self._replies.start(actor, kept, call.options, call)

    async def run_action(
        self, action_id: str, turn: FinishedTurn, actor: Actor
    ) -> Mapping[str, Any] | None:
        """Run an action of a plugin on a reply, and return what the client gets.

        Raises: InvalidRequest for an action that the model does not have, and if it fails; otherwise as `stored_content`.
        """
        await self._check_turn(turn, actor)
        offered = await self._app.catalogue.actions_of(turn.model)
        action = next((one for one in offered if one.id == action_id), None)
        if action is None:
            raise InvalidRequest(f"Action not found: {action_id}")
        is_own = self._app.sockets.is_connected(actor.id, turn.socket_id)
        request = ActionRequest(
            actor=actor,
            model_id=turn.model,
            chat_id=turn.chat_id,
            message_id=turn.message_id,
            socket_id=turn.socket_id if is_own else None,
            body=turn.body,
        )
        try:
            async with asyncio.timeout(action.time_limit):
                return await action.run(request)
        except DomainError:
            raise
        except Exception as error:
            log.warning(
                "action failed",
                action=action.id,
                error=type(error).__name__,
                at=error_location(error),
            )
            raise InvalidRequest(f"The action {action.id!r} failed.") from error

    async def stored_content(self, turn: FinishedTurn, actor: Actor) -> str | None:
        """Return the stored text of a turn's reply, or its text so far; None if it is not stored.

        Raises: InvalidRequest for an unknown or unreadable model; NotFound for an unknown or unreadable chat.
        """
        chats = await self._check_turn(turn, actor)
        if chats is None:
            return None
        running = await self._replies.texts(turn.chat_id)
        content = running.get(turn.message_id)
        return content or await chats.content(turn.chat_id, turn.message_id) or None

    async def _check_turn(self, turn: FinishedTurn, actor: Actor) -> ChatStore | None:
        """Check that the actor may use the model and write the chat. Return its store; None if it is not stored."""
        if not turn.is_direct:
            try:
                await self._app.catalogue.resolve(turn.model, actor)
            except NotFound as unknown:
                # Source: the API answers 400 here, unlike elsewhere.
                raise InvalidRequest(unknown.detail) from None
        chats = chat_store_of(self._app, turn.chat_id)
        if chats is not None and await chats.find_writable(actor, turn.chat_id) is None:
            raise NotFound
        return chats

    async def _check(self, request: CompletionRequest, actor: Actor) -> CheckedRequest:
        """Return what the actor may ask for. Raises: NotFound for a chat that the actor may not write."""
        request = await self._drop_forbidden(request, actor)
        await let_others_run(request.size)
        chats = chat_store_of(self._app, request.chat_id)
        if chats is None or request.chat_id is None:
            return CheckedRequest(request, None)
        chat = await chats.find_writable(actor, request.chat_id)
        if chat is None:
            raise NotFound
        return CheckedRequest(request, chats, await self._folder_of(chat, actor))

    async def _folder_of(self, chat: WritableChat, actor: Actor) -> FolderContext:
        """Return what the folder of a chat adds: without its system prompt, if the actor may set none."""
        folders = self._app.services.get(FolderLookup) if chat.folder_id is not None else None
        if folders is None or chat.folder_id is None:
            return NO_FOLDER
        folder = await folders.context(chat.owner_id, chat.folder_id) or NO_FOLDER
        if folder.system_prompt and not await self._app.identity.is_permitted(
            actor, "chat.system_prompt"
        ):
            return msgspec.structs.replace(folder, system_prompt="")
        return folder

    async def _prepare(self, checked: CheckedRequest, actor: Actor) -> PreparedCall:
        """Resolve the model, and make the request to its source."""
        request, folder = checked.request, checked.folder
        if request.direct:
            target = await self._direct_model(request, actor)
        else:
            target = await self._app.catalogue.resolve(request.model, actor)
        stream = wants_stream(target.params, request.stream)
        added = None
        if folder.file_ids or target.knowledge:
            added = AddedFiles(folder.file_ids, target.knowledge, target.owner_id)
        made = await source_request(
            self._app,
            actor,
            request,
            target,
            stream=stream,
            folder_prompt=folder.system_prompt,
            added_files=added,
        )
        options = _reply_options({**request.params, **target.params}, self._settings)
        return PreparedCall(self._app.gateway, target, [made], options)

    async def _direct_model(self, request: CompletionRequest, actor: Actor) -> ResolvedModel:
        """Return the client's own model. Raises: NotFound if there are none; InvalidRequest for another's socket."""
        current = await self._app.runtime_settings.section(CompletionsSettings).current()
        if not (current.enable_direct_connections and request.wants_events):
            raise NotFound(MODEL_NOT_FOUND, code="model_not_found")
        if not await self._app.sockets.wait_for_socket(actor.id, request.session_id or ""):
            raise InvalidRequest(INVALID_SESSION)
        sources = [DirectSource(self._app, request)]
        return ResolvedModel(
            id=request.model,
            name=request.model,
            sources=sources,
            model=request.model,
            is_direct=True,
        )

    async def _recorded(
        self,
        response: GatewayResponse,
        options: ReplyOptions,
        chats: ChatStore | None,
        request: CompletionRequest,
        actor: Actor,
    ) -> SourceResponse:
        """Return the response; what it delivers is stored with its message, if the client named one."""
        if chats is None or request.message_id is None:
            return response
        if isinstance(response.body, bytes):
            error = error_in(response)
            await _record(chats, request, error, create=error is None)
            return response
        running = await self._replies.follow(actor, _without_content(request), options)
        running.reply.outlet = response.outlet
        reply = FollowedReply(self._replies, running)
        finish = self._settings.finish_after_disconnect
        body = (DetachedStream if finish else FollowedStream)(response.body, reply)
        return msgspec.structs.replace(response, body=body)

    async def _drop_forbidden(self, request: CompletionRequest, actor: Actor) -> CompletionRequest:
        """Return the request without what the actor may not set. Reads permissions only if one matters."""
        if actor.is_admin:
            return request
        system = has_system(request.messages)
        if not (request.params or request.chat_id or system):
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


async def _record_refusal(
    chats: ChatStore | None, request: CompletionRequest, refusal: DomainError
) -> None:
    """Store a refusal with the answering message."""
    await _record(chats, request, refusal.detail, create=isinstance(refusal, SourceFailed))


def _without_content(request: CompletionRequest) -> CompletionRequest:
    """Return the request without what only the call to the source needs: a reply may take minutes."""
    return msgspec.structs.replace(
        request, messages=[], body={}, params={}, variables={}, options={}
    )


def _reply_options(params: Mapping[str, Any], settings: CompletionsSettings) -> ReplyOptions:
    size = params.get("stream_delta_chunk_size")
    return ReplyOptions(
        reasoning_tags=tags_of(params.get("reasoning_tags")),
        raw_chunks=settings.send_raw_chunks,
        min_deltas=min(size, MAX_MIN_DELTAS) if isinstance(size, int) and size > 0 else 1,
    )
