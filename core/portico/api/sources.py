"""What a plugin with model sources needs: requests to providers, their errors, and streams that pass through.

    from portico.api.sources import CHAT_COMPLETION, RequestLimits, SourceClient

    client = SourceClient(
        "my provider", "https://models.example/v1", app.http,
        headers={"Authorization": f"Bearer {key}"}, secrets=[key], limits=RequestLimits(),
    )
    cards = read(await client.fetch("GET", "/models"))
    response = await client.answer("/chat/completions", body, stream=True)

Every failure becomes an error that names the source: never its key or address.

Constants and types:

    ANSWER_FORMATS       Formats of the answers of each operation.
    CHAT_COMPLETION      Format of the answers of `POST /chat/completions`.
    MAX_ERROR_BYTES      Bytes of an error response that are read.
    MAX_RESPONSE_BYTES   Bytes of an answer that is not streamed.
    ParamCasts           What converts parameters of models, by their names.
    StreamFilterFactory  Creates the filter of one stream; its parameter removes the key and address of the source.
"""

from portico.http_client import HTTPClientError, HTTPResponse, OutgoingHTTP, RequestLimits
from portico.upstream.answer_format import CHAT_COMPLETION, AnswerFormat, is_completion_error
from portico.upstream.answer_formats import ANSWER_FORMATS
from portico.upstream.error_message import ErrorMessage, error_message
from portico.upstream.event_filter import EventFilter
from portico.upstream.lenient_chunk import ChunkMender, mended_json
from portico.upstream.model_params import (
    ParamCasts,
    cast_param,
    finite_number,
    stop_sequences,
)
from portico.upstream.provider_errors import ProviderErrors
from portico.upstream.redactor import Redactor
from portico.upstream.source_client import (
    MAX_ERROR_BYTES,
    MAX_RESPONSE_BYTES,
    SourceClient,
    read_body,
)
from portico.upstream.sse_filter import SSEFilter
from portico.upstream.stream_filter import StreamFilter, StreamFilterFactory
from portico.upstream.stream_relay import StreamRelay
from portico.upstream.user_headers import user_headers

__all__ = [
    "ANSWER_FORMATS",
    "CHAT_COMPLETION",
    "MAX_ERROR_BYTES",
    "MAX_RESPONSE_BYTES",
    "AnswerFormat",
    "ChunkMender",
    "ErrorMessage",
    "EventFilter",
    "HTTPClientError",
    "HTTPResponse",
    "OutgoingHTTP",
    "ParamCasts",
    "ProviderErrors",
    "Redactor",
    "RequestLimits",
    "SSEFilter",
    "SourceClient",
    "StreamFilter",
    "StreamFilterFactory",
    "StreamRelay",
    "cast_param",
    "error_message",
    "finite_number",
    "is_completion_error",
    "mended_json",
    "read_body",
    "stop_sequences",
    "user_headers",
]
