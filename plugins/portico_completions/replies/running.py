"""Generates replies for clients with a socket: started by a request, owned by the server, stopped from any instance."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

import msgspec
import structlog

from portico.api import (
    AppContext,
    DomainError,
    RateLimited,
    Unavailable,
    error_location,
)
from portico.api.auth import Actor
from portico.api.db import new_id, now, transaction
from portico.api.interfaces import ChatChanged, ChatStore, ReplyFinishing, ReplyStarted
from portico_completions.chat_store import chat_store_of
from portico_completions.replies import store
from portico_completions.replies.announcements import Announcements
from portico_completions.replies.ending import BROKE_OFF, REVOKED, SHUTDOWN, Ending
from portico_completions.replies.finishing import finishing_of, with_reply
from portico_completions.replies.journal import Journal
from portico_completions.replies.receiving import Produce, receive
from portico_completions.replies.recovery import Recovery
from portico_completions.replies.reply import Reply, ReplyOptions
from portico_completions.replies.store import ReplyRow
from portico_completions.request import CompletionRequest
from portico_completions.settings import CompletionsSettings

TOO_MANY = (
    "At most {} answers are generated at once. Wait until one of them is complete, or stop it."
)

#: Topic of the messages by which instances stop each other's replies.
STOP_TOPIC = "completions:stop"
#: Seconds until the caller who stops a reply is told that the instance has not confirmed it yet.
STOP_TIMEOUT_SECONDS = 5.0
#: Seconds after which an account with the maximum number of replies may try again.
RETRY_AFTER_SECONDS = 5
_POLL_SECONDS = 0.1
_RETRY_SECONDS = 1.0
#: Attempts to store a reply that the database refuses for another reason than an outage.
_MAX_FAILURES = 3

log = structlog.get_logger("portico.completions")


class StopOrder(msgspec.Struct):
    """What one instance asks all others to stop: a reply, or those of a deleted chat."""

    reply_id: str = ""
    chat_id: str = ""


class RunningReply:
    """A reply of this process, and its task if it has one of its own. `finishing`: what is published if it completes."""

    def __init__(
        self, reply: Reply, chats: ChatStore | None, finishing: ReplyFinishing | None = None
    ) -> None:
        self.reply, self.chats, self.finishing = reply, chats, finishing
        self.ending: Ending | None = None
        self.is_generating = False
        self.task: asyncio.Task[None] | None = None
        #: Ends the plain stream that this reply belongs to, if there is one.
        self.interrupt: Callable[[], None] | None = None

    def end(self, ending: Ending) -> None:
        """Have the reply end and be stored."""
        if self.ending is None:
            self.ending = ending
            if self.interrupt is not None:
                self.interrupt()
            # A task that is cancelled before its first step would never store the reply.
            elif self.is_generating and self.task is not None:
                self.task.cancel()


class Replies:
    """The replies in the making of this process, and what is known of those of other instances.

    A reply belongs to the server: it goes on when all clients have left. It ends with its source, or when it is stopped,
    its session ends, or the process does.
    """

    def __init__(self, app: AppContext, settings: CompletionsSettings) -> None:
        self._app, self._settings = app, settings
        self._running: dict[str, RunningReply] = {}
        self._of_account: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting: set[str] = set()
        self.journal = Journal(lambda: [one.reply for one in self._running.values()])
        self._announcements = Announcements(app)
        self._recovery = Recovery(app, self._announcements, self._is_known)

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
    ) -> RunningReply:
        """Return the reply of a plain stream, which stores what the stream has delivered. It sends no events."""
        self._of_account[actor.id] += 1
        try:
            return await self._begin(actor, request, options, is_silent=True)
        except BaseException:
            self._forget_one(actor.id)
            raise

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
    ) -> RunningReply:
        """Store the message and the reply in one transaction, and register it."""
        assert request.chat_id is not None and request.message_id is not None
        chats = chat_store_of(self._app, request.chat_id)
        row = ReplyRow(
            new_id(),
            actor.id,
            request.chat_id,
            request.message_id,
            self._app.instance_channel.instance_id,
            now(),
        )
        before = title = ""
        self._starting.add(row.id)
        try:
            async with transaction():
                if chats is not None:
                    # An earlier reply may have left its end: None removes it.
                    fields = {
                        "parentId": request.parent_id,
                        "model": request.model,
                        "done": None,
                        "error": None,
                    }
                    await chats.record_reply(row.chat_id, row.message_id, fields)
                    before = await chats.content(row.chat_id, row.message_id)
                    if request.wanted.title_generation is not None:
                        title = await chats.title(row.chat_id)
                await store.insert(row)
            reply = Reply(self._app, row, options, before, is_silent=is_silent)
            finishing = None if is_silent else finishing_of(row, request, chats, title)
            running = self._running[row.id] = RunningReply(reply, chats, finishing)
        finally:
            # Cancelled after the commit, the row stays: the next search for lost replies finds it.
            self._starting.discard(row.id)
        self._app.events.publish(ReplyStarted(row.id, row.chat_id, row.message_id, row.user_id))
        return running

    # -- generating -----------------------------------------------------------------------------------------

    async def _run(self, running: RunningReply, actor: Actor, produce: Produce) -> None:
        """Generate one reply, until its session ends."""
        live_connections = self._app.identity.live_connections
        revoked = partial(running.end, Ending("interrupted", REVOKED))
        with live_connections.track(actor, revoked):
            await self.generate(running, lambda: receive(running.reply, produce))

    async def generate(self, running: RunningReply, work: Callable[[], Awaitable[None]]) -> None:
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

    async def finish(self, running: RunningReply, ending: Ending) -> None:
        """Store a reply that has ended, then tell the clients of its owner. Repeated while the database is unavailable.

        A reply that cannot be stored stays in the journal: the search for lost replies stores what is there.
        """
        reply, row, failures = running.reply, running.reply.row, 0
        try:
            reply.close()
            ending = await _filtered(reply, ending)
            while True:
                try:
                    # What belongs to the reply besides its text is left out if the whole was refused.
                    fields = ending.fields(reply.text)
                    if failures:
                        running.finishing = None
                    else:
                        fields = reply.fields | fields
                    title = await self._store(running, ending, fields)
                    break
                except Unavailable:
                    pass
                except Exception as error:  # noqa: BLE001 - whatever it is, the text must not be lost
                    failures += 1
                    log.error(
                        "reply not stored",
                        reply=row.id,
                        error=type(error).__name__,
                        at=error_location(error),
                    )
                if self._app.drain.over or failures == _MAX_FAILURES:
                    return
                await asyncio.sleep(_RETRY_SECONDS)
        finally:
            del self._running[row.id]
            self._forget_one(row.user_id)
        self._announcements.announce(ending, reply, title)

    async def _store(self, running: RunningReply, ending: Ending, fields: dict[str, Any]) -> str:
        """Write the finished message and delete the reply, in one transaction. Return the title of the chat."""
        row, chats = running.reply.row, running.chats
        is_lost = self._app.drain.started and not (
            running.reply.is_silent or self._announcements.is_heard(row)
        )
        # Another instance that took this one for dead has marked the message as interrupted.
        fields = {"error": None} | fields
        async with transaction():
            existed = await store.delete(row.id)
            if is_lost and existed:  # this process will be gone when its clients are back
                about = (row.id, row.user_id, row.chat_id, row.message_id)
                await store.insert_end(store.UnheardEnd(*about, *ending, ended_at=now()))
            title = ""
            if chats is not None:
                await chats.record_reply(row.chat_id, row.message_id, fields, create=False)
                title = await chats.title(row.chat_id)
            # If it did not exist, this is a second attempt after a commit whose confirmation was lost.
            if running.finishing is not None and ending.outcome == "finished" and existed:
                finishing = with_reply(running.finishing, running.reply.text)
                await self._app.events.publish_in_transaction(finishing)
            return title

    def _forget_one(self, user_id: str) -> None:
        self._of_account[user_id] -= 1
        if self._of_account[user_id] <= 0:
            del self._of_account[user_id]

    @property
    def are_stopping(self) -> bool:
        """Whether the grace time of the shutdown is over."""
        return self._app.drain.over

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
            own = self._app.instance_channel.instance_id
            for row in await store.all_of(None, chat_id):
                if row.instance_id != own and (text := await store.text_of(row.id)):
                    found[row.message_id] = text
        return found

    async def stop(self, actor: Actor, reply_id: str) -> bool | None:
        """Stop a reply. Return whether that is confirmed; None if the actor has no such reply.

        The text that was received stays.
        """
        row = await store.find(reply_id)
        if row is None or not (actor.is_admin or row.user_id == actor.id):
            return None
        order = StopOrder(reply_id=reply_id)
        if row.instance_id != self._app.instance_channel.instance_id:
            self._order(order)
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        while True:
            self._stop(order)  # again: a reply that is just being started is not known yet
            if await store.find(reply_id) is None:
                return True
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_POLL_SECONDS)

    def on_chat_changed(self, event: ChatChanged) -> None:
        """Stop the replies of a chat that was deleted."""
        if event.change == "deleted":
            self._stop(StopOrder(chat_id=event.id))
            self._order(StopOrder(chat_id=event.id))

    def on_stop_order(self, _sender: str, payload: bytes) -> None:
        """Stop what another instance asks for."""
        self._stop(msgspec.msgpack.decode(payload, type=StopOrder))

    def _is_known(self, reply_id: str) -> bool:
        return reply_id in self._running or reply_id in self._starting

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
        self._announcements.start()
        self._app.drain.wait_for(self._finish)
        await self._recovery.start()
        self.journal.start()

    async def _finish(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def shut_down(self) -> None:
        """Store the replies that are still in the making as interrupted. They have had the grace period to finish."""
        await self._recovery.stop()
        for running in list(self._running.values()):
            running.end(Ending("interrupted", SHUTDOWN))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_TIMEOUT_SECONDS)
        await self.journal.stop()
        for task in list(self._tasks):
            task.cancel()  # the database is away: the next start stores what is in the journal
        await self._announcements.stop()


async def _filtered(reply: Reply, ending: Ending) -> Ending:
    """Have the filters see the finished text. Return how the reply ends: as it did, or failed if a filter has."""
    try:
        await reply.run_outlet()
    except DomainError as refusal:
        return Ending("failed", refusal.detail)
    return ending
