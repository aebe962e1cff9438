"""Converts messages of OpenAI's API to those of Ollama's. Texts that need no conversion stay byte for byte."""

from collections.abc import Sequence
from typing import Any

import msgspec

from portico.api import InvalidRequest
from portico.api.json import lenient_decoder

IMAGES_AS_DATA = "Ollama takes images as data URLs only, such as data:image/png;base64,…"


class _CalledFunction(msgspec.Struct):
    name: str = ""
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _GivenCall(msgspec.Struct):
    id: str | None = None
    function: _CalledFunction | None = None


class _GivenMessage(msgspec.Struct):
    role: str = "user"
    content: msgspec.Raw = msgspec.Raw(b"null")
    tool_calls: list[_GivenCall] | None = None
    tool_call_id: str | None = None
    tool_name: str | None = None
    name: str | None = None
    reasoning_content: msgspec.Raw = msgspec.Raw(b"null")
    thinking: msgspec.Raw = msgspec.Raw(b"null")
    images: msgspec.Raw = msgspec.Raw(b"null")


def to_ollama(messages: msgspec.Raw) -> list[dict[str, Any]]:
    """Return messages for Ollama. Values may be raw JSON.

    Raises: InvalidRequest for messages of a wrong shape, and for an image that is not part of the message.
    """
    try:
        decoded: Sequence[_GivenMessage] = lenient_decoder(list[_GivenMessage]).decode(messages)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("The messages cannot be read.") from None
    names: dict[str, str] = {}
    for message in decoded:
        for call in message.tool_calls or ():
            if call.id and call.function:
                names[call.id] = call.function.name
    return [_message(message, names) for message in decoded]


def _message(message: _GivenMessage, names: dict[str, str]) -> dict[str, Any]:
    text, images = _content(message.content)
    result: dict[str, Any] = {
        "role": "system" if message.role == "developer" else message.role.lower(),
        "content": text,
    }
    if images:
        result["images"] = images
    elif _is(message.images, b"["):
        result["images"] = message.images
    thinking = message.thinking if _is(message.thinking, b'"') else message.reasoning_content
    if _is(thinking, b'"'):
        result["thinking"] = thinking
    if message.tool_calls:
        result["tool_calls"] = [
            _tool_call(call) for call in message.tool_calls if call.function is not None
        ]
    if message.role == "tool":
        result["tool_name"] = (
            message.tool_name or names.get(message.tool_call_id or "") or message.name or ""
        )
        if message.tool_call_id:
            result["tool_call_id"] = message.tool_call_id
    return result


def _content(content: msgspec.Raw) -> tuple[Any, list[str]]:
    """Return the text of a content, and the base64 of its images."""
    if _is(content, b'"'):
        return content, []
    parts = msgspec.json.decode(content)
    if not isinstance(parts, list):
        return "" if parts is None else str(parts), []
    texts, images = [], []
    for part in parts:
        if not isinstance(part, dict):
            continue
        if part.get("type") == "image_url":
            images.append(_image(part.get("image_url")))
        elif isinstance(part.get("text"), str):
            texts.append(part["text"])
    return "".join(texts), images


def _image(given: Any) -> str:
    url = given.get("url") if isinstance(given, dict) else given
    if not isinstance(url, str) or not url.startswith("data:"):
        raise InvalidRequest(IMAGES_AS_DATA)
    return url.partition(",")[2]


def _tool_call(call: _GivenCall) -> dict[str, Any]:
    assert call.function is not None
    function = {"name": call.function.name, "arguments": _arguments(call.function.arguments)}
    return {"function": function} | ({"id": call.id} if call.id else {})


def _arguments(arguments: msgspec.Raw) -> Any:
    """Return the arguments of a call as an object; a text that is none stays as one of them."""
    if _is(arguments, b"{"):
        return arguments
    if not _is(arguments, b'"'):
        return {}
    text = msgspec.json.decode(arguments, type=str)
    try:
        if isinstance(msgspec.json.decode(text), dict):
            return msgspec.Raw(text.encode())
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        pass
    return {"arguments": text} if text.strip() else {}


def _is(raw: msgspec.Raw, first: bytes) -> bool:
    """Return whether a raw value begins with this character."""
    return bytes(memoryview(raw)[:1]) == first
