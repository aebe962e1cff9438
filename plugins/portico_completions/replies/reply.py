"""One reply in the making: what a model source answers becomes the text of a message and the events about it."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from portico.api import AppContext, SourceFailed
from portico.api.interfaces import ReplyDelta
from portico.api.sockets import CHAT_EVENT, chat_event
from portico_completions.replies.chunks import (
    DONE,
    Chunk,
    EventReader,
    ToolCalls,
    is_given,
    message_of,
    read_chunk,
)
from portico_completions.replies.message_text import MessageText
from portico_completions.replies.store import JournalEntry, ReplyRow

#: Seconds between two events with the text so far.
MIN_INTERVAL_SECONDS: Final = 0.05
#: Characters of such events that are sent in a second. A long text is sent less often.
MAX_CHARS_PER_SECOND: Final = 2_000_000
#: Characters of a reply's text. Beyond them it ends: all of it is held, and sent to every window. Two events with the
#: whole text must fit into what may wait for a socket (`sockets.max_queued_bytes`).
MAX_CHARS: Final = 8_000_000
#: Characters of a name that a source adds to a message.
MAX_NAME_CHARS: Final = 1000
#: Bytes of a field that a source adds to a message, such as the usage or the sources.
MAX_FIELD_BYTES: Final = 1024 * 1024
#: Events about a message that a source may send. Others have clients run scripts, ask the user, or end the reply.
SOURCE_EVENTS: Final = frozenset({"status", "source", "citation", "notification", "files"})
TOO_LONG: Final = f"The answer is longer than {MAX_CHARS} characters."
NO_ANSWER: Final = "The model did not answer with a completion."
_JSON: Final = msgspec.json.Encoder()


class ReplyOptions(msgspec.Struct, frozen=True):
    """How a reply is displayed. `raw_chunks`: clients get the provider's chunks instead of the text so far.

    `reasoning_tags`: pairs of tags. `min_deltas`: number of deltas between two events with the text so far.
    """

    reasoning_tags: Sequence[tuple[str, str]]
    raw_chunks: bool = False
    min_deltas: int = 1


def send_event(
    app: AppContext, row: ReplyRow, kind: str, data: Any = msgspec.UNSET, *, replaces: str = ""
) -> None:
    """Send an event about the message of a reply to all sockets of its owner. `data`: UNSET = the event has none."""
    payload = chat_event(row.chat_id, row.message_id, kind, data)
    app.sockets.emit_to_account(row.user_id, CHAT_EVENT, payload, replaces=replaces)


class Reply:
    """A reply in the making. `feed` it with what the source streams, or `feed_completion` with a whole answer.

    It sends events to the sockets of its owner, unless `is_silent`: then the text alone is collected.
    """

    def __init__(
        self,
        app: AppContext,
        row: ReplyRow,
        options: ReplyOptions,
        before: str = "",
        *,
        is_silent: bool = False,
    ) -> None:
        self.row = row
        self._app, self._options, self.is_silent = app, options, is_silent
        self._text = MessageText(before, options.reasoning_tags)
        self._reader = EventReader()
        self._tool_calls = ToolCalls()
        self._fields: dict[str, Any] = {}
        self._number = 0
        self._unsent_deltas = 0
        self._timer: asyncio.TimerHandle | None = None
        self._next_text_at = 0.0
        self._new_texts: list[str] = []
        #: Whether a stream has ended with its end marker, or a whole completion was received.
        self.is_complete = False
        #: Returns the text to store in place of the whole text; None = it is stored as it is.
        self.outlet: Callable[[str], Awaitable[str]] | None = None
        self._filtered_text: str | None = None

    @property
    def text(self) -> str:
        """The text of the message so far; after `run_outlet` the one that filters made of it."""
        return self._text.text() if self._filtered_text is None else self._filtered_text

    @property
    def fields(self) -> dict[str, Any]:
        """Return the fields of the message that the source has determined, besides its text."""
        return dict(self._fields)

    def feed(self, block: bytes) -> None:
        """Read the next block of a stream of server-sent events.

        Raises: SourceFailed for an error in the stream, and when the text is longer than `MAX_CHARS`.
        """
        for payload in self._reader.feed(block):
            self._read(payload)

    def feed_completion(self, body: bytes) -> None:
        """Read a whole completion. Raises: SourceFailed, also if it is none."""
        found = read_chunk(body)
        if found is None or found[0].delta is None:
            raise SourceFailed(NO_ANSWER)
        chunk, payload = found
        self._apply(chunk)
        self.send("chat:completion", msgspec.Raw(payload))
        self.is_complete = True

    def close(self) -> None:
        """End the text. Afterwards `text` and `fields` are those of the finished message."""
        with contextlib.suppress(SourceFailed):  # the end of a reply that has ended in any case
            for payload in self._reader.close():
                self._read(payload)
        self._text.close(self._tool_calls.finished())
        self._stop_timer()
        self._publish_delta()

    async def run_outlet(self) -> None:
        """Have the filters see the finished text, once. Raises: DomainError of a filter; the text stays as it was then."""
        outlet, self.outlet = self.outlet, None
        if outlet is not None:
            self._filtered_text = await outlet(self.text)

    def take_changes(self) -> list[JournalEntry]:
        """Return what changed in the text since the last call, for the journal."""
        change = self._text.take_change()
        if change is None:
            return []
        self._number += 1
        return [JournalEntry(self.row.id, self._number, change)]

    def send(self, kind: str, data: Any = msgspec.UNSET, *, replaces: str = "") -> None:
        """Send an event about the message to all sockets of its owner."""
        if not self.is_silent:
            send_event(self._app, self.row, kind, data, replaces=replaces)

    # -- reading --------------------------------------------------------------------------------------------

    def _read(self, payload: bytes) -> None:
        if payload == DONE:
            self.is_complete = True
            return
        if (found := read_chunk(payload)) is None:
            return
        chunk, payload = found
        has_text = self._apply(chunk)
        if is_given(chunk.event):
            self._send_event(chunk.event)
        elif has_text and not self._options.raw_chunks:
            self._unsent_deltas += 1
            self._schedule()
        elif not (chunk.done or _is_usage_only(chunk) or len(payload) > MAX_FIELD_BYTES):
            self._send_text()
            self.send("chat:completion", msgspec.Raw(payload))

    def _apply(self, chunk: Chunk) -> bool:
        """Take over what a chunk contains. Return whether the text changed."""
        if is_given(chunk.error):
            raise SourceFailed(message_of(chunk.error))
        self._apply_fields(chunk)
        delta = chunk.delta
        if delta is None:
            return False
        if delta.tool_calls:
            self._tool_calls.add(delta.tool_calls)
        if thought := delta.thought:
            self._text.append_reasoning(thought)
        if text := delta.text:
            self._text.append(text)
            if not self.is_silent and self._app.events.has_listeners(ReplyDelta):
                self._new_texts.append(text)
        if len(self._text) > MAX_CHARS:
            raise SourceFailed(TOO_LONG)
        return bool(thought or text)

    def _apply_fields(self, chunk: Chunk) -> None:
        if is_given(chunk.usage) and _is_storable(chunk.usage):
            self._set_usage(chunk.usage, chunk.timings)
        if isinstance(chunk.selected_model_id, str):
            self._fields["selectedModelId"] = chunk.selected_model_id[:MAX_NAME_CHARS]
        if is_given(chunk.sources) and _is_storable(chunk.sources):
            self._fields["sources"] = chunk.sources

    def _set_usage(self, usage: msgspec.Raw, timings: msgspec.Raw | msgspec.UnsetType) -> None:
        if is_given(timings):
            try:
                parts = msgspec.json.decode(usage, type=dict[str, msgspec.Raw])
                parts |= msgspec.json.decode(timings, type=dict[str, msgspec.Raw])
                usage = msgspec.Raw(_JSON.encode(parts))
            except msgspec.MsgspecError:
                pass  # of another shape: the usage alone
        self._fields["usage"] = usage
        self._send_text()
        self.send("chat:completion", {"usage": usage})

    def _send_event(self, event: msgspec.Raw) -> None:
        """Pass on an event that a source sends in place of a chunk: `{"type", "data"}`."""
        try:
            parts = msgspec.json.decode(event, type=dict[str, msgspec.Raw])
            kind = msgspec.json.decode(parts.get("type", b"null"), type=str)
        except msgspec.MsgspecError:
            return
        if kind not in SOURCE_EVENTS:
            return
        self._send_text()
        self.send(kind, parts.get("data", msgspec.UNSET))

    # -- sending the text so far ----------------------------------------------------------------------------

    def _schedule(self) -> None:
        """Send the text so far now, or when the interval since the last time has passed."""
        if self._timer is not None or self._unsent_deltas < self._options.min_deltas:
            return
        wait = self._next_text_at - time.monotonic()
        if wait <= 0:
            self._send_text()
        else:
            self._timer = asyncio.get_running_loop().call_later(wait, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._unsent_deltas >= self._options.min_deltas:
            self._send_text()

    def _send_text(self) -> None:
        if self._unsent_deltas:
            self._unsent_deltas = 0
            interval = max(MIN_INTERVAL_SECONDS, len(self._text) / MAX_CHARS_PER_SECOND)
            self._next_text_at = time.monotonic() + interval
            if not self.is_silent and self._app.sockets.has_sockets(self.row.user_id):
                self.send("chat:completion", {"content": self.text}, replaces=self.row.id)
            self._publish_delta()

    def _publish_delta(self) -> None:
        if self._new_texts:
            text, self._new_texts = "".join(self._new_texts), []
            row = self.row
            self._app.events.publish(
                ReplyDelta(row.id, row.chat_id, row.message_id, row.user_id, text)
            )

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _is_storable(value: msgspec.Raw) -> bool:
    """Return whether a value is not too large, and JSON: bytes that are not text may be in what was skipped so far."""
    if memoryview(value).nbytes > MAX_FIELD_BYTES:
        return False
    try:
        msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _is_usage_only(chunk: Chunk) -> bool:
    """Return whether a chunk only reports the usage, which is an event of its own."""
    return is_given(chunk.usage) and not chunk.choices and chunk.selected_model_id is None
