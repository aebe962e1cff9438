"""The further endpoints of `tests.upstream`: embeddings, OpenAI's responses, Anthropic's messages, each in its protocol.

`CHATS` has chat completions that depend on the request, by model.
"""

import base64
import json
import struct
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

Endpoint = Callable[[Any, Any], Awaitable[None]]
TEXT = "native words"
ARGUMENTS = '{"city": "Bern"}'
USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 4},
}


async def embeddings(connection: Any, form: Any) -> None:
    """Answer with a vector for each text: its length, and zeros."""
    texts = [form["input"]] if isinstance(form["input"], str) else form["input"]
    size = form.get("dimensions", 3)
    vectors = [[float(len(text)), *[0.0] * (size - 1)] for text in texts]
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
            if form.get("encoding_format") == "base64"
            else vector,
        }
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    body = {"object": "list", "data": data, "model": form["model"], "usage": usage}
    await connection.answer(json.dumps(body).encode())


def _events(*documents: dict[str, Any]) -> Iterator[bytes]:
    for document in documents:
        yield f"event: {document['type']}\ndata: {json.dumps(document)}\n\n".encode()


async def responses(connection: Any, form: Any) -> None:
    """Answer with a text, in two pieces if streamed."""
    frame = {"id": "resp_native", "object": "response", "created_at": 1, "model": form["model"]}
    frame |= {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
    part = {"type": "output_text", "text": TEXT, "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    usage = {"input_tokens": 20, "input_tokens_details": {"cached_tokens": 8}, "output_tokens": 9}
    usage |= {"output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 29}
    done = {**frame, "status": "completed", "output": [item | {"content": [part]}], "usage": usage}
    if not form.get("stream"):
        await connection.answer(json.dumps(done).encode())
        return
    begun = {**frame, "status": "in_progress", "output": []}
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item | {"content": []}},
        {"type": "response.content_part.added", **at, "part": part | {"text": ""}},
        {"type": "response.output_text.delta", **at, "delta": TEXT[:6], "logprobs": []},
        {"type": "response.output_text.delta", **at, "delta": TEXT[6:], "logprobs": []},
        {"type": "response.output_text.done", **at, "text": TEXT, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": part},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": item | {"content": [part]},
        },
        {"type": "response.completed", "response": done},
    ]
    numbered = [event | {"sequence_number": number} for number, event in enumerate(events)]
    await connection.stream(*_events(*numbered))


async def messages(connection: Any, form: Any) -> None:
    """Answer with a text, in two pieces if streamed."""
    usage = {"input_tokens": 12, "cache_read_input_tokens": 8, "output_tokens": 9}
    frame = {"id": "msg_native", "type": "message", "role": "assistant", "model": form["model"]}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    if not form.get("stream"):
        whole = {**frame, **end, "content": [{"type": "text", "text": TEXT}], "usage": usage}
        await connection.answer(json.dumps(whole).encode())
        return
    begun = {**frame, "content": [], "stop_reason": None, "stop_sequence": None}
    begun |= {"usage": usage | {"output_tokens": 1}}
    block = {"type": "text", "text": ""}
    pieces = [{"type": "text_delta", "text": text} for text in (TEXT[:6], TEXT[6:])]
    await connection.stream(
        *_events(
            {"type": "message_start", "message": begun},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "ping"},
            *({"type": "content_block_delta", "index": 0, "delta": piece} for piece in pieces),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": end, "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        )
    )


def _call(index: int, call_id: str, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"index": index, "id": call_id, "type": "function", "function": function}


async def tool_user(connection: Any, form: Any) -> None:
    """Think, say something and call two tools; with results of tools, say what they are."""
    results = [one["content"] for one in form["messages"] if one["role"] == "tool"]
    calls = [
        _call(0, "call_1", "weather", ARGUMENTS),
        _call(1, "call_2", "weather", '{"city": "Rome"}'),
    ]
    said: dict[str, Any] = {"reasoning_content": "Two cities.", "content": "I look."}
    said |= {"tool_calls": calls}
    finish = "tool_calls"
    if results:
        said, finish = {"content": f"It is {' and '.join(results)}."}, "stop"
    frame = {"id": "c", "created": 1, "model": form["model"]}
    if not form.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": finish}
        body = {**frame, "object": "chat.completion", "choices": [choice], "usage": USAGE}
        await connection.answer(json.dumps(body).encode())
        return
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for key in ("reasoning_content", "content"):
        text = said.get(key, "")
        deltas += [{key: piece} for piece in (text[:4], text[4:]) if piece]
    for call in said.get("tool_calls", ()):
        whole = call["function"]["arguments"]
        first = call | {"function": {"name": "weather", "arguments": ""}}
        deltas.append({"tool_calls": [first]})
        for piece in (whole[:5], whole[5:]):
            more = {"index": call["index"], "function": {"arguments": piece}}
            deltas.append({"tool_calls": [more]})
    chunks = [{"choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if form.get("stream_options", {}).get("include_usage"):
        chunks.append({"choices": [], "usage": USAGE})
    head = {**frame, "object": "chat.completion.chunk"}
    lines = [f"data: {json.dumps(head | one)}\n\n".encode() for one in chunks]
    await connection.stream(*lines, b"data: [DONE]\n\n")


ENDPOINTS: dict[str, Endpoint] = {
    "embeddings": embeddings,
    "responses": responses,
    "messages": messages,
}
CHATS: dict[str, Endpoint] = {"tool-user": tool_user}
