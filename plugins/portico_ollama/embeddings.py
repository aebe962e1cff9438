"""Converts requests for embeddings between OpenAI's API and Ollama's."""

import base64
from array import array
from typing import Any

import msgspec

from portico.api import InvalidRequest
from portico.api.models import SourceRequest

EMBED_PATH = "/api/embed"
#: Keys of the request that Ollama's API has as well.
_KEPT_KEYS = ("truncate", "dimensions", "keep_alive", "options")
TEXTS_ONLY = "Ollama embeds a text or a list of texts."


class _EmbedAnswer(msgspec.Struct):
    embeddings: list[msgspec.Raw]
    prompt_eval_count: int | None = None


class EmbeddedText(msgspec.Struct):
    """One vector of OpenAI's answer, raw."""

    embedding: msgspec.Raw


class EmbeddingUsage(msgspec.Struct):
    """What an answer with vectors cost."""

    prompt_tokens: int = 0


class EmbeddingList(msgspec.Struct):
    """OpenAI's answer."""

    data: list[EmbeddedText]
    usage: EmbeddingUsage = msgspec.field(default_factory=EmbeddingUsage)


def encode(request: SourceRequest, model: str) -> bytes:
    """Return the body of the request to the server. `model`: the server's own name.

    Raises: InvalidRequest for an input that is neither a text nor a list of texts.
    """
    given = request.body
    body: dict[str, Any] = {"model": model, "input": _input(given.get("input"))}
    body |= {key: given[key] for key in _KEPT_KEYS if key in given and bytes(given[key]) != b"null"}
    return msgspec.json.encode(body)


def is_error(body: bytes) -> bool:
    """Return whether a whole answer is an error: never. Raises: ValueError if it is not an answer either."""
    body.decode()
    msgspec.json.decode(body, type=_EmbedAnswer)
    return False


def answer(body: bytes, request: SourceRequest, model: str) -> bytes:
    """Return OpenAI's answer, with one vector for each text. `model`: as clients know it.

    Raises: msgspec.MsgspecError if the server's answer cannot be read.
    """
    found = msgspec.json.decode(body, type=_EmbedAnswer)
    as_base64 = bytes(request.body.get("encoding_format", b"")) == b'"base64"'
    tokens = found.prompt_eval_count or 0
    return msgspec.json.encode(
        {
            "object": "list",
            "data": [
                {
                    "object": "embedding",
                    "embedding": _base64(vector) if as_base64 else vector,
                    "index": index,
                }
                for index, vector in enumerate(found.embeddings)
            ],
            "model": model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def _input(given: msgspec.Raw | None) -> Any:
    """Return the texts, byte for byte if they are a list or one text."""
    try:
        msgspec.json.decode(given or b"null", type=str | list[str])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise InvalidRequest(TEXTS_ONLY) from None
    return given


def _base64(vector: msgspec.Raw) -> str:
    """Return a vector as OpenAI's clients ask for it: base64 of 32-bit numbers."""
    return base64.b64encode(array("f", msgspec.json.decode(vector, type=list[float]))).decode()
