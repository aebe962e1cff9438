"""Generates replies for clients with a socket: started by a request, owned by the server, stopped from any instance."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

import msgspec
import structlog

from portico.api import (
    AppContext,
    DomainError,
    PeriodicTask,
    RateLimited,
    Unavailable,
    error_location,
)
from portico.api.auth import Actor
from portico.api.db import new_id, now, transaction
from portico.api.interfaces import ChatChanged, ChatStore, ReplyEnded, ReplyStarted
from portico.api.models import SourceResponse
from portico_completions.replies import store
from portico_completions.replies.journal import Journal
from portico_completions.replies.message_text import finished_text
from portico_completions.replies.reply import Reply, ReplyOptions
from portico_completions.replies.store import ReplyRow
from portico_completions.request import CompletionRequest, is_temporary
from portico_completions.settings import CompletionsSettings

SHUTDOWN = "The server was stopped before the answer was complete."
CRASHED = "The server ended unexpectedly before the answer was complete."
REVOKED = "The session ended before the answer was complete."
BROKE_OFF = "The answer broke off."
DISCONNECTED = "The client disconnected before the answer was complete."
TOO_MANY = (
    "At most {} answers are generated at once. Wait until one of them is complete, or stop it."
)

#: Topic of the messages by which instances stop each other's replies.
STOP_TOPIC = "completions:stop"
#: Seconds between two searches for replies of instances that have died.
RECOVERY_SECONDS = 5.0
#: Seconds until the caller who stops a reply is told that the instance has not confirmed it yet.
STOP_TIMEOUT_SECONDS = 5.0
#: Seconds after which an account with the maximum number of replies may try again.
RETRY_AFTER_SECONDS = 5
_POLL_SECONDS = 0.1
_RETRY_SECONDS = 1.0

log = structlog.get_logger("portico.completions")


class Ending(NamedTuple):
    """How a reply ended. `reason`: a sentence for the user; empty if it is finished or was stopped."""

    outcome: Literal["finished", "stopped", "interrupted", "failed"]
    reason: str = ""


class StopOrder(msgspec.Struct):
    """What one instance asks all others to stop: a reply, or those of a deleted chat."""

    reply_id: str = ""
    chat_id: str = ""


Produce = Callable[[], Awaitable[SourceResponse]]


class _Running:
    """A reply of this process, and its task if it has one of its own."""

    def __init__(self, reply: Reply, chats: ChatStore | None) -> None:
        self.reply, self.chats = reply, chats
        self.ending: Ending | None = None
        self.is_generating = False
        self.task: asyncio.Task[None] | None = None

    def end(self, ending: Ending) -> None:
        """Have the task store the reply and end."""
        if self.ending is None:
            self.ending = ending
            # A task that is cancelled before its first step would never store the reply.
            if self.is_generating and self.task is not None:
                self.task.cancel()


class Replies:
    """The replies in the making of this process, and what is known of those of other instances.

    A reply belongs to the server: it goes on when all clients have left. It ends with its source, or when it is stopped,
    its session ends, or the process does.
    """

    def __init__(self, app: AppContext, settings: CompletionsSettings) -> None:
        self._app, self._settings = app, settings
        self._running: dict[str, _Running] = {}
        self._of_account: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self.journal = Journal(lambda: [one.reply for one in self._running.values()])
        self._recovery = PeriodicTask("interrupted replies", RECOVERY_SECONDS, self.recover)

    def __len__(self) -> int:
        """Return the number of replies in the making of this process."""
        return len(self._running)

    # -- starting -------------------------------------------------------------------------------------------

    async def start(
        self, actor: Actor, request: CompletionRequest, options: ReplyOptions, produce: Produce
    ) -> str:
        """Generate a reply in the background, and return its id. `produce` calls the source.

        Raises: RateLimited if the account has the maximum number of replies in the making; Unavailable during shutdown.
        """
        if self._app.drain.over:
            raise Unavailable
        self._of_account[actor.id] += 1
        try:
            if await self._count(actor.id) > self._settings.max_running:
                raise RateLimited(RETRY_AFTER_SECONDS, TOO_MANY.format(self._settings.max_running))
            running = await self._begin(actor, request, options, is_silent=False)
        except BaseException:
            self._forget_one(actor.id)
            raise
        running.task = self.in_background(self._run(running, actor, produce))
        return running.reply.row.id

    async def follow(
        self, actor: Actor, request: CompletionRequest, options: ReplyOptions
    ) -> "FollowedReply":
        """Return the reply of a plain stream, which stores what the stream has delivered."""
        self._of_account[actor.id] += 1
        try:
            running = await self._begin(actor, request, options, is_silent=True)
        except BaseException:
            self._forget_one(actor.id)
            raise
        return FollowedReply(self, running)

    def in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Return a task of this work, which `shut_down` waits for."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _count(self, user_id: str) -> int:
        """Return how many replies an account has, with the one that is being started."""
        here = self._of_account[user_id]
        if not self._app.instance_channel.has_peers:
            return here
        return max(here, 1 + await store.count(user_id))

    async def _begin(
        self, actor: Actor, request: CompletionRequest, options: ReplyOptions, *, is_silent: bool
    ) -> _Running:
        """Store the message and the reply in one transaction, and register it."""
        assert request.chat_id is not None and request.message_id is not None
        chats = None if is_temporary(request.chat_id) else self._app.services.get(ChatStore)
        row = ReplyRow(
            new_id(),
            actor.id,
            request.chat_id,
            request.message_id,
            self._app.instance_channel.instance_id,
            now(),
        )
        before = ""
        async with transaction():
            if chats is not None:
                fields = {"parentId": request.parent_id, "model": request.model}
                await chats.record_reply(row.chat_id, row.message_id, fields)
                before = await chats.content(row.chat_id, row.message_id)
            await store.insert(row)
        reply = Reply(self._app, row, options, before, is_silent=is_silent)
        running = self._running[row.id] = _Running(reply, chats)
        self._app.events.publish(ReplyStarted(row.id, row.chat_id, row.message_id, row.user_id))
        return running

    # -- generating -----------------------------------------------------------------------------------------

    async def _run(self, running: _Running, actor: Actor, produce: Produce) -> None:
        """Generate one reply, until its session ends."""
        live_connections = self._app.identity.live_connections
        revoked = partial(running.end, Ending("interrupted", REVOKED))
        with live_connections.track(actor, revoked):
            await self.generate(running, lambda: receive(running.reply, produce))

    async def generate(self, running: _Running, work: Callable[[], Awaitable[None]]) -> None:
        """Await `work`, which feeds the reply, and store the reply however it ends."""
        shutdown = partial(running.end, Ending("interrupted", SHUTDOWN))
        try:
            with self._app.drain.track(shutdown):
                running.is_generating = True
                if running.ending is None:
                    await work()
            ending = running.ending or Ending("finished")
        except asyncio.CancelledError:
            ending = running.ending or Ending("interrupted", SHUTDOWN)
        except DomainError as refusal:
            ending = Ending("failed", refusal.detail)
        except Exception as error:  # noqa: BLE001 - of a plugin's source: the message must not stay incomplete
            log.error("reply failed", error=type(error).__name__, at=error_location(error))
            ending = Ending("failed", BROKE_OFF)
        running.is_generating = False
        await self.finish(running, ending)

    async def finish(self, running: _Running, ending: Ending) -> None:
        """Store a reply that has ended, then tell the clients of its owner. Repeated until the database takes it."""
        reply, row = running.reply, running.reply.row
        reply.close()
        try:
            while True:
                try:
                    title = await self._store(running, ending)
                    break
                except Unavailable:
                    if self._app.drain.over:
                        return  # the journal has what was received: the next start stores it
                    await asyncio.sleep(_RETRY_SECONDS)
        finally:
            del self._running[row.id]
            self._forget_one(row.user_id)
        if ending.outcome == "finished":
            done = {"done": True, "content": reply.text, "title": title}
            reply.send("chat:completion", done)
        elif ending.outcome == "stopped":
            reply.send("chat:tasks:cancel")
        else:
            reply.send("chat:message:error", {"error": {"content": ending.reason}})
        self._app.events.publish(
            ReplyEnded(
                row.id,
                row.chat_id,
                row.message_id,
                row.user_id,
                ending.outcome,
                reply.text,
                ending.reason,
            )
        )

    async def _store(self, running: _Running, ending: Ending) -> str:
        """Write the finished message and delete the reply, in one transaction. Return the title of the chat."""
        reply, row, chats = running.reply, running.reply.row, running.chats
        fields = reply.fields | _ended_fields(reply.text, ending)
        async with transaction():
            if not await store.delete(row.id):
                # Another instance took this one for dead, and has marked the message as interrupted.
                fields.setdefault("error", None)
            if chats is None:
                return ""
            await chats.record_reply(row.chat_id, row.message_id, fields, create=False)
            return await chats.title(row.chat_id)

    def _forget_one(self, user_id: str) -> None:
        self._of_account[user_id] -= 1
        if self._of_account[user_id] <= 0:
            del self._of_account[user_id]

    # -- reading and stopping -------------------------------------------------------------------------------

    async def ids(self, actor: Actor, chat_id: str | None = None) -> list[str]:
        """Return the ids of the actor's replies in the making, on all instances; of one chat if it is given.

        An administrator gets those of all accounts.
        """
        return [row.id for row in await store.all_of(None if actor.is_admin else actor.id, chat_id)]

    async def texts(self, chat_id: str) -> Mapping[str, str]:
        """Return the texts so far of the messages of a chat that are being generated (part of `RunningReplies`)."""
        found = {
            one.reply.row.message_id: one.reply.text
            for one in self._running.values()
            if one.reply.row.chat_id == chat_id
        }
        if self._app.instance_channel.has_peers:
            for row in await store.all_of(None, chat_id):
                if row.id not in self._running:
                    found[row.message_id] = await store.text_of(row.id)
        return found

    async def stop(self, actor: Actor, reply_id: str) -> bool | None:
        """Stop a reply. Return whether that is confirmed; None if the actor has no such reply.

        The text that was received stays.
        """
        row = await store.find(reply_id)
        if row is None or not (actor.is_admin or row.user_id == actor.id):
            return None
        if (running := self._running.get(reply_id)) is not None:
            running.end(Ending("stopped"))
        else:
            self._order(StopOrder(reply_id=reply_id))
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        while await store.find(reply_id) is not None:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return True

    def on_chat_changed(self, event: ChatChanged) -> None:
        """Stop the replies of a chat that was deleted."""
        if event.change == "deleted":
            self._stop(StopOrder(chat_id=event.id))
            self._order(StopOrder(chat_id=event.id))

    def on_stop_order(self, _sender: str, payload: bytes) -> None:
        """Stop what another instance asks for."""
        self._stop(msgspec.msgpack.decode(payload, type=StopOrder))

    def _order(self, order: StopOrder) -> None:
        self._app.instance_channel.publish(STOP_TOPIC, msgspec.msgpack.encode(order))

    def _stop(self, order: StopOrder) -> None:
        for running in list(self._running.values()):
            if order.reply_id == running.reply.row.id or order.chat_id == running.reply.row.chat_id:
                running.end(Ending("stopped"))

    # -- the process ----------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Start the journal, and store the replies that a crash has interrupted."""
        self._app.instance_channel.subscribe(STOP_TOPIC, self.on_stop_order)
        await self._recovery.attempt()
        self._recovery.start()
        self.journal.start()

    async def shut_down(self) -> None:
        """Let replies finish within the grace period, then store the rest as interrupted."""
        await self._recovery.stop()
        if self._tasks and self._app.drain.started:
            await asyncio.wait(self._tasks, timeout=self._app.drain.grace)
        for running in list(self._running.values()):
            running.end(Ending("interrupted", SHUTDOWN))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_TIMEOUT_SECONDS)
        await self.journal.stop()

    async def recover(self) -> None:
        """Store the replies of instances that are not alive any more, as interrupted."""
        for row in await store.of_other_instances(self._app.instance_channel.live_ids):
            text = finished_text(await store.text_of(row.id))
            chats = None if is_temporary(row.chat_id) else self._app.services.get(ChatStore)
            ending = Ending("interrupted", CRASHED)
            async with transaction():
                if not await store.delete(row.id):
                    continue  # another instance was faster
                if chats is not None:
                    fields = _ended_fields(text, ending)
                    await chats.record_reply(row.chat_id, row.message_id, fields, create=False)
            log.warning("reply interrupted", reply=row.id, instance=row.instance_id)
            reply = Reply(self._app, row, ReplyOptions(reasoning_tags=()))
            reply.send("chat:message:error", {"error": {"content": CRASHED}})
            self._app.events.publish(
                ReplyEnded(
                    row.id, row.chat_id, row.message_id, row.user_id, "interrupted", text, CRASHED
                )
            )


class FollowedReply:
    """The reply of a plain stream: it receives each block that is sent, and stores the text when the stream ends."""

    def __init__(self, replies: Replies, running: _Running) -> None:
        self._replies, self._running = replies, running
        self._has_ended = False

    def feed(self, block: bytes) -> None:
        """Read a block of the stream."""
        self._running.reply.feed(block)

    @property
    def is_complete(self) -> bool:
        """Whether the end of the stream was received."""
        return self._running.reply.is_complete

    def end(self, ending: Ending) -> None:
        """Store the reply in the background: the request may be cancelled already."""
        if not self._has_ended:
            self._has_ended = True
            self._replies.in_background(self._replies.finish(self._running, ending))

    def generate(self, work: Callable[[], Awaitable[None]]) -> None:
        """Receive the whole stream in the background: `work` feeds the reply, which is stored when it returns."""
        self._has_ended = True
        self._running.task = self._replies.in_background(
            self._replies.generate(self._running, work)
        )


async def receive(reply: Reply, produce: Produce) -> None:
    """Call the source, and feed the reply with what it answers. Raises: all errors of the source."""
    response = await produce()
    body = response.body
    if isinstance(body, bytes):
        if (error := error_in(response)) is not None:
            raise DomainError(error)
        reply.feed_completion(body)
    else:
        await receive_stream(reply, body)


async def receive_stream(reply: Reply, body: AsyncIterator[bytes]) -> None:
    """Feed the reply with a stream, and close it. Raises: all errors of the source."""
    try:
        async for block in body:
            reply.feed(block)
    finally:
        close = getattr(body, "aclose", None)
        if close is not None:
            await close()


def error_in(response: SourceResponse) -> str | None:
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


def _ended_fields(text: str, ending: Ending) -> dict[str, Any]:
    fields: dict[str, Any] = {"content": text, "done": True}
    if ending.outcome == "interrupted":
        fields["error"] = {"type": "interrupted", "content": ending.reason}
    elif ending.outcome == "failed":
        fields["error"] = {"content": ending.reason}
    return fields
