"""How the answers of an endpoint of a provider are read: whole, or as a stream."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from portico.catalogue import EVENT_STREAM
from portico.upstream.lenient_chunk import says_nothing
from portico.upstream.sse_filter import SSEFilter
from portico.upstream.stream_filter import StreamFilterFactory


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """The answers of one endpoint.

    `is_error(body)`: whether a whole answer with status 200 is an error. Raises: ValueError if it is neither an error nor an
    answer of this endpoint. `new_filter`: creates the filter of a stream. `stream_type`: the media type of the stream.
    """

    is_error: Callable[[bytes], bool]
    new_filter: StreamFilterFactory = SSEFilter
    stream_type: str = EVENT_STREAM


class _Completion(msgspec.Struct):
    """A valid completion has `choices` and no `error`."""

    choices: list[dict[str, msgspec.Raw] | None] | None = None
    error: msgspec.Raw = msgspec.Raw(b"null")


def is_completion_error(body: bytes) -> bool:
    """Return whether the body of a chat completion is an error. Raises: ValueError if it is not a completion at all."""
    completion = msgspec.json.decode(body, type=_Completion)
    return completion.choices is None or not says_nothing(completion.error)


#: `POST /chat/completions` of every OpenAI-compatible provider.
CHAT_COMPLETION = AnswerFormat(is_completion_error)
