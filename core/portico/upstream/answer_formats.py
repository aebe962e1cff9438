"""How the answers of each endpoint are read."""

from collections.abc import Mapping
from typing import Final

import msgspec

from portico.catalogue import Operation
from portico.upstream.answer_format import CHAT_COMPLETION, AnswerFormat
from portico.upstream.event_filter import EventFilter
from portico.upstream.lenient_chunk import says_nothing


class _WholeEmbeddings(msgspec.Struct):
    data: list[msgspec.Raw] | None = None


class _WholeResponse(msgspec.Struct):
    output: list[msgspec.Raw] | None = None
    error: msgspec.Raw = msgspec.Raw(b"null")


class _WholeMessage(msgspec.Struct):
    content: list[msgspec.Raw] | None = None


def _are_embeddings_missing(body: bytes) -> bool:
    return msgspec.json.decode(body, type=_WholeEmbeddings).data is None


def _has_response_failed(body: bytes) -> bool:
    response = msgspec.json.decode(body, type=_WholeResponse)
    return response.output is None or not says_nothing(response.error)


def _is_message_missing(body: bytes) -> bool:
    return msgspec.json.decode(body, type=_WholeMessage).content is None


#: By operation, for providers with the endpoints of OpenAI and Anthropic.
ANSWER_FORMATS: Final[Mapping[Operation, AnswerFormat]] = {
    "chat": CHAT_COMPLETION,
    "embeddings": AnswerFormat(_are_embeddings_missing),
    "responses": AnswerFormat(_has_response_failed, EventFilter),
    "messages": AnswerFormat(_is_message_missing, EventFilter),
}
