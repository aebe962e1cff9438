"""Translates a request for a response to one for a chat completion. Without I/O."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from portico.api import InvalidRequest
from portico.api.models import is_own_key
from portico.api.prompts import TEMPLATE_KEYS
from portico_responses.form import (
    InputItem,
    InputPart,
    ResponsesForm,
    ResponsesTool,
    ResponsesToolChoice,
    TextFormat,
)

#: Keys that have no meaning for a chat completion: the request is answered without them.
_IGNORED: Final = frozenset(
    {
        "access_programs", "background_options", "context_management", "image", "max_tool_calls", "metadata", "moderation",
        "prompt_cache_options", "prompt_cache_retention", "stream_options", "truncation",
    }
)  # fmt: skip
#: Keys that ask for what was stored, or to store, and what they may be in spite of that.
_STORING: Final[Mapping[str, tuple[bytes, ...]]] = {
    "previous_response_id": (b"null",),
    "conversation": (b"null",),
    "prompt": (b"null",),
    "background": (b"null", b"false"),
    "store": (b"null", b"false"),
}
_LOGPROBS: Final = "message.output_text.logprobs"


def check_storing(form: ResponsesForm) -> None:
    """Refuse a request that rests on stored responses. Raises: InvalidRequest."""
    for key, harmless in _STORING.items():
        if bytes(form.rest.get(key, b"null")) not in harmless:
            raise InvalidRequest(
                f"Responses of this model are not stored: send the whole conversation in 'input', without {key!r}."
            )


def chat_messages(items: Iterable[InputItem]) -> list[msgspec.Raw]:
    """Return the messages of the chat completion, without `instructions`. Raises: InvalidRequest."""
    found: list[dict[str, Any]] = []
    for item in items:
        match item.type:
            case "message":
                _add_message(found, item)
            case "function_call":
                _add_call(found, item, item.arguments)
            case "custom_tool_call":
                _add_call(found, item, msgspec.json.encode({"input": item.input}).decode())
            case "function_call_output" | "custom_tool_call_output":
                found.append(_result(item))
            case "reasoning":
                pass  # only the model that had these thoughts could read them
            case "item_reference":
                raise InvalidRequest(
                    "Responses of this model are not stored: send the whole items."
                )
            case _:
                raise InvalidRequest(f"This model cannot read items of the type {item.type!r}.")
    return [msgspec.Raw(msgspec.json.encode(one)) for one in _with_images_last(found)]


def chat_body(form: ResponsesForm) -> dict[str, msgspec.Raw]:
    """Return the keys of the chat completion beside its messages. Raises: InvalidRequest for what it cannot do."""
    check_storing(form)
    body: dict[str, Any] = {
        key: value
        for key, value in form.rest.items()
        if key not in _IGNORED
        and key not in _STORING
        and key not in TEMPLATE_KEYS
        and not is_own_key(key)
    }
    if form.max_output_tokens is not None:
        body["max_tokens"] = form.max_output_tokens
    if form.reasoning is not None and form.reasoning.effort:
        body["reasoning_effort"] = form.reasoning.effort
    if form.top_logprobs or _LOGPROBS in form.include:
        body["logprobs"] = True
        body |= {"top_logprobs": form.top_logprobs} if form.top_logprobs else {}
    if form.text is not None:
        body |= {"verbosity": form.text.verbosity} if form.text.verbosity else {}
        body |= _response_format(form.text.format)
    body |= _tools(form)
    return {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in body.items()}


def _add_message(found: list[dict[str, Any]], item: InputItem) -> None:
    role = item.role or "user"
    if role not in ("user", "assistant", "system", "developer"):
        raise InvalidRequest(f"This model cannot read messages of the role {role!r}.")
    role = "system" if role == "developer" else role
    content: Any = item.content or ""
    if not isinstance(content, str):
        parts = [_part(part) for part in content]
        is_text = role != "user" or all(part["type"] == "text" for part in parts)
        # Some servers read only this form, and none reads images of an assistant.
        content = "\n".join(part.get("text", "") for part in parts) if is_text else parts
    found.append({"role": role, "content": content})


def _add_call(found: list[dict[str, Any]], item: InputItem, arguments: str) -> None:
    """Add a call of a tool to the message of the assistant that it belongs to."""
    if not found or found[-1]["role"] != "assistant":
        found.append({"role": "assistant", "content": None})
    function = {"name": item.name, "arguments": arguments}
    call = {"id": item.call_id, "type": "function", "function": function}
    found[-1].setdefault("tool_calls", []).append(call)


def _result(item: InputItem) -> dict[str, Any]:
    result: dict[str, Any] = {"role": "tool", "tool_call_id": item.call_id}
    if not isinstance(item.output, list):
        return {**result, "content": item.output or ""}
    parts = [_part(part) for part in item.output]
    text = "\n".join(part["text"] for part in parts if part["type"] == "text")
    others = [part for part in parts if part["type"] != "text"]
    return {**result, "content": text, **({"others": others} if others else {})}


def _with_images_last(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages; images among results follow these in a message of the user, the only one that has images."""
    found: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for message in messages:
        if others and message["role"] != "tool":
            found.append({"role": "user", "content": others})
            others = []
        others = [*others, *message.pop("others", ())]
        found.append(message)
    return [*found, {"role": "user", "content": others}] if others else found


def _part(part: InputPart) -> dict[str, Any]:
    match part.type:
        case "input_text" | "output_text" | "text":
            return {"type": "text", "text": part.text}
        case "refusal":
            return {"type": "text", "text": part.refusal}
        case "input_image" if _is_text(part.image_url):
            detail = {"detail": part.detail} if part.detail else {}
            return {"type": "image_url", "image_url": {"url": part.image_url, **detail}}
        case "input_file" if _is_text(part.file_data):
            file = {"filename": part.filename or "file", "file_data": part.file_data}
            return {"type": "file", "file": file}
        case "input_audio" if part.input_audio and _is_text(part.input_audio.data):
            sound = {"data": part.input_audio.data, "format": part.input_audio.format}
            return {"type": "input_audio", "input_audio": sound}
    raise InvalidRequest(
        f"This model cannot read parts of the type {part.type!r} without their data: files are not stored."
    )


def _is_text(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:1]) == b'"'


def _tools(form: ResponsesForm) -> dict[str, Any]:
    tools = form.tools
    choice: Any = form.tool_choice
    if isinstance(choice, ResponsesToolChoice):
        match choice.type:
            case "function" | "custom":
                choice = {"type": "function", "function": {"name": choice.name}}
            case "allowed_tools":
                allowed = {tool.name for tool in choice.tools}
                tools, choice = [tool for tool in tools if tool.name in allowed], choice.mode
            case _:
                raise InvalidRequest(f"This model has no tool of the type {choice.type!r}.")
    if not tools:
        return {}
    body: dict[str, Any] = {"tools": [_tool(tool) for tool in tools]}
    if choice is not None:
        body["tool_choice"] = choice
    if form.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = form.parallel_tool_calls
    return body


def _tool(tool: ResponsesTool) -> dict[str, Any]:
    """Return a tool. One that takes a text becomes a function with the argument `input`."""
    function: dict[str, Any] = {"name": tool.name}
    description = tool.description or ""
    match tool.type:
        case "function":
            function["parameters"] = _object(tool.parameters, {"type": "object", "properties": {}})
            function |= {} if tool.strict is None else {"strict": tool.strict}
        case "custom":
            if bytes(tool.format) != b"null":
                description += f"\n\nFormat of the input: {bytes(tool.format).decode()}"
            function["parameters"] = {
                "type": "object",
                "properties": {"input": {"type": "string"}},
                "required": ["input"],
            }
        case _:
            raise InvalidRequest(f"This model cannot use tools of the type {tool.type!r}.")
    if description:
        function["description"] = description
    return {"type": "function", "function": function}


def _response_format(text_format: TextFormat | None) -> dict[str, Any]:
    if text_format is None or text_format.type == "text":
        return {}
    if text_format.type != "json_schema":
        return {"response_format": {"type": text_format.type}}
    schema: dict[str, Any] = {"name": text_format.name, "schema": _object(text_format.schema, {})}
    if text_format.description is not None:
        schema["description"] = text_format.description
    if text_format.strict is not None:
        schema["strict"] = text_format.strict
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _object(raw: msgspec.Raw, default: dict[str, Any]) -> Any:
    return default if bytes(raw) == b"null" else raw
