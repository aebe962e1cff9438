"""Refuses references to what is stored in a provider's account: all users share the account, so they could be another's."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from portico.catalogue import SourceRequest
from portico.errors import InvalidRequest

#: Keys at the top of a request. Source: OpenAI's responses, Anthropic's messages.
_TOP_KEYS: Final = ("previous_response_id", "conversation", "container", "prompt")
#: Keys anywhere in messages, input and tools: files, vector stores and containers by their ids.
_INNER_KEYS: Final = frozenset(
    ("file_id", "file_ids", "vector_store_ids", "container", "container_id")
)
#: What a body has if it may have one of these keys: the words, or letters that are written as escapes.
_MARKS: Final = (
    b"file_id", b"vector_store_id", b'"container', b"item_reference", b"\\u00",
)  # fmt: skip
_READ_KEYS: Final = ("messages", "input", "tools", "attachments")


def refuse_account_objects(request: SourceRequest) -> None:
    """Check the request of a user who does not administrate the provider's account. Raises: InvalidRequest."""
    body = request.body
    if request.operation != "chat":
        for key in _TOP_KEYS:
            if key in body and not (key == "prompt" and request.operation == "embeddings"):
                _refuse_given(key, _decoded(bytes(body[key])))
    for key in _READ_KEYS:
        if key in body and any(map((text := bytes(body[key])).__contains__, _MARKS)):
            for name, found in _members(_decoded(text)):
                if name in _INNER_KEYS:
                    _refuse_given(name, found)
                elif name == "type" and found == "item_reference":
                    _refuse_given(found, found)


def _decoded(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("The request has JSON that cannot be read.") from None


def _refuse_given(key: str, value: Any) -> None:
    if value is None or value in ("", [], {}):
        return
    # A container that is described, not named, is the request's own.
    if key == "container" and isinstance(value, dict) and "id" not in value:
        return
    raise InvalidRequest(
        f"The key {key!r} names something stored in the provider's account, which all users share. "
        "Send the content itself.",
        code="unsupported_parameter",
    )


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the members of all objects in a value, except those of schemas, whose keys have other meanings."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            for key, member in one.items():
                if key not in ("parameters", "input_schema", "arguments", "schema"):
                    yield key, member
                    waiting.append(member)
