"""Runs the stream editors of filters: on blocks, on events, or on the text inside events."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from portico.errors import DomainError
from portico.gateway.call import GatewayCall
from portico.gateway.choice_text import ChoiceText
from portico.gateway.filter_set import FilterSet, OwnedFilter
from portico.gateway.model_filter import StreamEditor
from portico.gateway.text_codecs import TextCodec
from portico.plugin_errors.plugin_exit import is_failure
from portico.server_sent_events import DONE, EventSplitter, event_data, with_data

#: Logs the failure of a filter. Raises: FilterFailed, unless the filter is to be skipped.
Failed = Callable[[BaseException], None]


class Editors:
    """The editors of one answer, in their order."""

    def __init__(self, call: GatewayCall, filters: FilterSet, codec: TextCodec) -> None:
        self._editors = [
            _editor(one, call, codec, partial(filters.failed, one, "stream editor"))
            for one in filters.editors
        ]

    def __bool__(self) -> bool:
        """Whether there is any editor."""
        return bool(self._editors)

    def feed(self, block: bytes) -> bytes:
        """Return what is sent in place of a block. Raises: DomainError of a filter, FilterFailed."""
        for editor in self._editors:
            if not block:
                break
            block = editor.feed(block)
        return block

    def close(self) -> bytes:
        """Return what is still to be sent, at the end of the stream. Raises: DomainError of a filter, FilterFailed."""
        last = b""
        for editor in self._editors:
            last = (editor.feed(last) if last else b"") + editor.close()
        self._editors = []
        return last

    def edit_whole(self, body: bytes) -> bytes:
        """Return an answer that is not streamed, edited. Raises: DomainError of a filter, FilterFailed."""
        for editor in self._editors:
            body = editor.edit_whole(body)
        return body


class _BlockEditor(Protocol):
    def feed(self, block: bytes) -> bytes: ...

    def close(self) -> bytes: ...

    def edit_whole(self, body: bytes) -> bytes: ...


class _Guard:
    """Calls one filter. After a failure that does not end the answer it calls it no more."""

    def __init__(self, failed: Failed) -> None:
        self._failed = failed
        self.is_broken = False

    def __call__(self, work: Callable[[], Any], otherwise: Any) -> Any:
        """Return the result, or `otherwise` after a failure. Raises: DomainError of the filter, FilterFailed."""
        if self.is_broken:
            return otherwise
        try:
            result = work()
            if type(result) is not type(otherwise):
                raise TypeError(f"an editor returned {type(result).__name__}")
            return result
        except DomainError:
            raise
        except BaseException as error:
            if not is_failure(error):
                raise
            self.is_broken = True
            self._failed(error)
            return otherwise


class _BlockEdits:
    """Has a filter edit blocks as they arrive."""

    def __init__(self, editor: StreamEditor[bytes], guard: _Guard) -> None:
        self._editor, self._guard = editor, guard

    def feed(self, block: bytes) -> bytes:
        edited: bytes = self._guard(lambda: self._editor.feed(block), block)
        return edited

    def close(self) -> bytes:
        rest: bytes = self._guard(self._editor.close, b"")
        return rest

    def edit_whole(self, body: bytes) -> bytes:
        return self.feed(body) + self.close()


class _EventEdits:
    """Has a filter edit the data of each event. Events without data, such as comments, pass."""

    def __init__(self, editor: StreamEditor[bytes], guard: _Guard) -> None:
        self._editor, self._guard = editor, guard
        self._splitter = EventSplitter()
        self._is_closed = False

    def feed(self, block: bytes) -> bytes:
        return b"".join(map(self._edit, self._splitter.feed(block)))

    def close(self) -> bytes:
        rest = self._splitter.close()
        edited = self._edit(rest) if rest.strip() else b""
        return edited + self._rest()

    def edit_whole(self, body: bytes) -> bytes:
        edited: bytes = self._guard(lambda: self._editor.feed(body) + self._editor.close(), body)
        return edited

    def _edit(self, event: bytes) -> bytes:
        data = event_data(event)
        if not data:
            return event + b"\n\n"
        if data == DONE:
            return self._rest() + event + b"\n\n"
        edited: bytes = self._guard(lambda: self._editor.feed(data), data)
        if edited == data:
            return event + b"\n\n"
        return with_data(event, edited) + b"\n\n" if edited else b""

    def _rest(self) -> bytes:
        if self._is_closed:
            return b""
        self._is_closed = True
        rest: bytes = self._guard(self._editor.close, b"")
        return b"data: " + rest + b"\n\n" if rest else b""


class _TextEdits:
    """Has a filter edit the text of each choice. `begin` returns the editor of one choice."""

    def __init__(
        self, begin: Callable[[], StreamEditor[str]], codec: TextCodec, guard: _Guard
    ) -> None:
        self._begin, self._codec, self._guard = begin, codec, guard
        self._splitter = EventSplitter()
        self._choices: dict[int, StreamEditor[str]] = {}
        self._sent: dict[int, list[str]] = {}
        self._last_event = b""

    def feed(self, block: bytes) -> bytes:
        return b"".join(map(self._edit, self._splitter.feed(block)))

    def close(self) -> bytes:
        rest = self._splitter.close()
        edited = self._edit(rest) if rest.strip() else b""
        return edited + self._rest()

    def edit_whole(self, body: bytes) -> bytes:
        return self._edited(body, self._codec.read_whole(body), self._codec.write_whole)

    def _edit(self, event: bytes) -> bytes:
        data = event_data(event)
        if data == DONE:
            return self._rest() + event + b"\n\n"
        parts = self._codec.read(data) if data else ()
        if not parts:
            return event + b"\n\n"
        before = b"".join(self._end_of(part.choice) for part in parts if part.is_end)
        if any(part.text and not part.is_repeat for part in parts):
            self._last_event = event
        edited = self._edited(data, parts, self._codec.write)
        return before + (event if edited is data else with_data(event, edited)) + b"\n\n"

    def _edited(
        self,
        data: bytes,
        parts: Sequence[ChoiceText],
        write: Callable[[bytes, Mapping[int, str]], bytes],
    ) -> bytes:
        changed = {
            part.choice: text for part in parts if (text := self._edited_part(part)) != part.text
        }
        return write(data, changed) if changed else data

    def _edited_part(self, part: ChoiceText) -> str:
        text: str = part.text
        if part.is_repeat:
            if part.choice in self._sent:
                return "".join(self._sent[part.choice])
            part = part._replace(is_last=True)  # it was not sent in pieces before
        if text:
            text = self._guard(lambda: self._choice(part.choice).feed(part.text), text)
        if part.is_last and (editor := self._choices.pop(part.choice, None)) is not None:
            text += self._guard(editor.close, "")
        self._note(part.choice, text)
        return text

    def _note(self, choice: int, text: str) -> None:
        if self._codec.repeats:
            self._sent.setdefault(choice, []).append(text)

    def _choice(self, index: int) -> StreamEditor[str]:
        if index not in self._choices:
            self._choices[index] = self._begin()
        return self._choices[index]

    def _rest(self) -> bytes:
        """Return one more event for each choice that has not ended, if its filter still holds text."""
        return b"".join(map(self._end_of, list(self._choices)))

    def _end_of(self, choice: int) -> bytes:
        """Return one more event, if the filter still holds text of this choice."""
        editor = self._choices.pop(choice, None)
        text = "" if editor is None else self._guard(editor.close, "")
        if not text:
            return b""
        self._note(choice, text)
        data = self._codec.more(event_data(self._last_event), choice, text)
        return with_data(self._last_event, data) + b"\n\n"


def _editor(one: OwnedFilter, call: GatewayCall, codec: TextCodec, failed: Failed) -> _BlockEditor:
    """Return what runs the editor of a filter on blocks. Raises: DomainError of the filter, FilterFailed."""
    guard, filter_ = _Guard(failed), one.filter
    if filter_.edit_text is not None:
        return _TextEdits(partial(filter_.edit_text, call), codec, guard)
    begin = filter_.edit_events or filter_.edit_blocks
    assert begin is not None
    try:
        editor = begin(call)
    except DomainError:
        raise
    except BaseException as error:
        if not is_failure(error):
            raise
        guard.is_broken = True
        failed(error)
        return _Unedited()
    return (_EventEdits if filter_.edit_events else _BlockEdits)(editor, guard)


class _Unedited:
    """In the place of an editor that could not be made."""

    def feed(self, block: bytes) -> bytes:
        return block

    def close(self) -> bytes:
        return b""

    def edit_whole(self, body: bytes) -> bytes:
        return body
