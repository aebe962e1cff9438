"""Translates a request of Anthropic's API to one for a chat completion. Without I/O."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from portico.api import InvalidRequest
from portico.api.models import is_own_key
from portico.api.prompts import TEMPLATE_KEYS
from portico_messages.form import (
    Block,
    Message,
    MessagesForm,
    MessagesTool,
    MessagesToolChoice,
    Source,
)

#: Keys that have no meaning for other models: the request is answered without them.
_IGNORED: Final = frozenset(
    {
        "betas", "cache_control", "context_management", "diagnostics", "inference_geo", "metadata", "service_tier", "speed",
        "user_profile_id", "workspace_id",
    }
)  # fmt: skip
#: Keys that ask for what only Anthropic does.
_REFUSED: Final = ("container", "mcp_servers")
#: From how many tokens for thoughts on the effort is this.
_EFFORTS: Final = ((16384, "high"), (4096, "medium"), (0, "low"))
_HIGHEST: Final = frozenset({"xhigh", "max"})


def chat_messages(messages: Iterable[Message]) -> list[msgspec.Raw]:
    """Return the messages of the chat completion, without the system prompt. Raises: InvalidRequest."""
    found: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message.content, str):
            found.append({"role": message.role, "content": message.content})
        elif message.role == "assistant":
            found.append(_assistant_message(message.content))
        else:
            found += _user_messages(message.role, message.content)
    return [msgspec.Raw(msgspec.json.encode(message)) for message in found]


def chat_body(form: MessagesForm) -> dict[str, msgspec.Raw]:
    """Return the keys of the chat completion beside its messages. Raises: InvalidRequest for what it cannot do."""
    for key in _REFUSED:
        if bytes(form.rest.get(key, b"null")) not in (b"null", b"[]"):
            raise InvalidRequest(f"This model cannot use {key!r}: leave it out.")
    body: dict[str, Any] = {
        key: value
        for key, value in form.rest.items()
        if key not in _IGNORED
        and key not in _REFUSED
        and key not in TEMPLATE_KEYS
        and not is_own_key(key)
    }
    body["max_tokens"] = form.max_tokens
    if form.stop_sequences:
        body["stop"] = form.stop_sequences
    if form.tools:
        body["tools"] = [_tool(tool) for tool in form.tools]
        body |= _tool_choice(form.tool_choice)
    if (effort := _effort(form)) is not None:
        body["reasoning_effort"] = effort
    if form.output_config is not None and form.output_config.format is not None:
        schema = {"name": "output", "schema": form.output_config.format.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in body.items()}


def _assistant_message(blocks: Sequence[Block]) -> dict[str, Any]:
    """Return an earlier answer. Its thoughts are left out: only the model that had them could read them."""
    text, calls = "", []
    for block in blocks:
        match block.type:
            case "text":
                text += block.text
            case "tool_use":
                function = {"name": block.name, "arguments": bytes(block.input).decode()}
                calls.append({"id": block.id, "type": "function", "function": function})
            case "thinking" | "redacted_thinking":
                pass
            case _:
                raise _unknown(block)
    return {
        "role": "assistant",
        "content": text or (None if calls else ""),
        **({"tool_calls": calls} if calls else {}),
    }


def _user_messages(role: str, blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """Return the results of tools, which follow the calls, and then what the user says."""
    results, parts = [], []
    for block in blocks:
        if block.type == "tool_result":
            text, others = _tool_result(block)
            results.append({"role": "tool", "tool_call_id": block.tool_use_id, "content": text})
            parts += others
        else:
            parts += _parts(block)
    if not parts:
        return results
    if all(part["type"] == "text" for part in parts):  # some servers read only this form
        content: Any = "\n".join(part["text"] for part in parts)
    else:
        content = parts
    return [*results, {"role": role, "content": content}]


def _tool_result(block: Block) -> tuple[str, list[dict[str, Any]]]:
    """Return the text of a result, and its images: a chat completion has those in a message of the user."""
    if not isinstance(block.content, list):
        text, others = block.content or "", []
    else:
        parts = [part for inner in block.content for part in _parts(inner)]
        text = "\n".join(part["text"] for part in parts if part["type"] == "text")
        others = [part for part in parts if part["type"] != "text"]
    return (f"Error: {text}" if block.is_error else text), others


def _parts(block: Block) -> list[dict[str, Any]]:
    source = block.source
    match block.type:
        case "text":
            return [{"type": "text", "text": block.text}]
        case "image" if isinstance(source, Source) and source.type in ("base64", "url"):
            return [{"type": "image_url", "image_url": {"url": _url(source)}}]
        case "document" if isinstance(source, Source):
            return _document(block, source)
        case "search_result" if isinstance(block.content, list):
            about = f"{block.title or ''} ({source})\n" if isinstance(source, str) else ""
            texts = "\n".join(inner.text for inner in block.content)
            return [{"type": "text", "text": about + texts}]
    raise _unknown(block)


def _document(block: Block, source: Source) -> list[dict[str, Any]]:
    match source.type:
        case "text":
            return [{"type": "text", "text": msgspec.json.decode(_json_text(source.data))}]
        case "content":
            content = source.content
            if isinstance(content, str):
                return [{"type": "text", "text": content}]
            return [part for inner in content for part in _parts(inner)]
        case "base64":
            file = {"filename": block.title or "document.pdf", "file_data": _url(source)}
            return [{"type": "file", "file": file}]
    raise _unknown(block)


def _url(source: Source) -> msgspec.Raw:
    """Return the address of an image or a document, encoded. Its data may be megabytes, and are only copied."""
    if source.url:
        return msgspec.Raw(msgspec.json.encode(source.url))
    begin = msgspec.json.encode(f"data:{source.media_type};base64,")
    return msgspec.Raw(b"".join((begin[:-1], _json_text(source.data)[1:])))


def _json_text(raw: msgspec.Raw) -> memoryview:
    """Return JSON that is a text. Raises: InvalidRequest for another value."""
    text = memoryview(raw)
    if bytes(text[:1]) != b'"':
        raise InvalidRequest("The data of an image or a document must be a text.")
    return text


def _tool(tool: MessagesTool) -> Mapping[str, Any]:
    if tool.type not in (None, "custom"):
        raise InvalidRequest(f"This model cannot use tools of the type {tool.type!r}.")
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.input_schema}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(choice: MessagesToolChoice | None) -> dict[str, Any]:
    if choice is None:
        return {}
    named: dict[str, Any] = {"type": "function", "function": {"name": choice.name}}
    chosen = {"any": "required", "tool": named}.get(choice.type, choice.type)
    parallel = {"parallel_tool_calls": False} if choice.disable_parallel_tool_use else {}
    return {"tool_choice": chosen, **parallel}


def _effort(form: MessagesForm) -> str | None:
    """Return the effort that the request names, or that its number of tokens for thoughts means."""
    given = form.output_config and form.output_config.effort
    if given:
        return "high" if given in _HIGHEST else given
    thinking = form.thinking
    if thinking is None or thinking.type != "enabled" or thinking.budget_tokens is None:
        return None
    budget = thinking.budget_tokens
    return next(effort for least, effort in _EFFORTS if budget >= least or least == 0)


def _unknown(block: Block) -> InvalidRequest:
    kind = block.type
    if isinstance(block.source, Source):
        kind += f" (source {block.source.type})"
    return InvalidRequest(f"This model cannot read content blocks of the type {kind!r}.")
