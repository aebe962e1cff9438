"""Reads what providers call usage: OpenAI's chat, responses and embeddings, Anthropic, Ollama, llama.cpp. Without I/O."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from portico.gateway.call import TokenUsage

#: No call has more tokens; a source that says so is wrong.
MAX_TOKENS: Final = 10**9
_NUMBERS: Final = (int, float)
_NOTHING: Final = msgspec.Raw(b"null")


class _UsageDocument(msgspec.Struct, gc=False):
    """Where the figures may be: in the answer, its first message, its response, or its choices."""

    usage: Any = None
    timings: Any = None
    prompt_eval_count: Any = None
    eval_count: Any = None
    message: msgspec.Raw = _NOTHING
    response: msgspec.Raw = _NOTHING
    choices: msgspec.Raw = _NOTHING


def merged_usage(documents: Iterable[bytes], *, is_split: bool) -> TokenUsage | None:
    """Return the usage in the first document that has one; None if there is none.

    `documents`: JSON, the newest first. `is_split`: the figures of older documents count as well, where newer ones lack
    them, as Anthropic sends them.
    """
    figures: dict[str, Any] = {}
    for document in documents:
        found = _figures(document)
        if found:
            figures = {**found, **figures}
            if not is_split:
                break
    usage = _usage(figures)
    return usage if usage.input_tokens or usage.output_tokens else None


def _figures(document: bytes) -> dict[str, Any]:
    """Return the object with the figures in a document; empty if there is none."""
    try:
        answer = msgspec.json.decode(document, type=_UsageDocument)
        if isinstance(answer.usage, dict):
            return _given(answer.usage)
        for inner in (answer.response, answer.message):
            if bytes(memoryview(inner)[:1]) == b"{" and isinstance(
                usage := msgspec.json.decode(inner, type=_UsageDocument).usage, dict
            ):
                return _given(usage)
        if b'"usage"' in bytes(answer.choices):
            for choice in msgspec.json.decode(answer.choices, type=list[_UsageDocument]):
                if isinstance(choice.usage, dict):
                    return _given(choice.usage)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    if isinstance(answer.timings, dict):
        return _llama_cpp(answer.timings)
    return _given(
        {"prompt_tokens": answer.prompt_eval_count, "completion_tokens": answer.eval_count}
    )


def _given(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if value is not None}


def _llama_cpp(timings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of llama.cpp, which counts cached tokens apart."""
    cached = _count(timings, "cache_n")
    return {
        "prompt_tokens": _count(timings, "prompt_n") + cached,
        "completion_tokens": _count(timings, "predicted_n"),
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def _usage(figures: Mapping[str, Any]) -> TokenUsage:
    input_details = _details(figures, "prompt_tokens_details", "input_tokens_details")
    output_details = _details(figures, "completion_tokens_details", "output_tokens_details")
    cached = (
        _count(input_details, "cached_tokens")
        or _count(figures, "cache_read_input_tokens")
        or _count(figures, "prompt_cache_hit_tokens")
    )
    if "prompt_tokens" in figures:
        given = _count(figures, "prompt_tokens")
    else:
        given = _count(figures, "input_tokens")
        # Anthropic counts only what was neither read from the cache nor written to it.
        given += _count(figures, "cache_read_input_tokens")
        given += _count(figures, "cache_creation_input_tokens")
    generated = _count(figures, "completion_tokens") or _count(figures, "output_tokens")
    reasoning = _count(output_details, "reasoning_tokens")
    if reasoning and _count(figures, "total_tokens") == given + generated + reasoning:
        generated += reasoning  # some providers leave it out of the answer's tokens, and bill it
    return TokenUsage(
        input_tokens=given,
        output_tokens=generated,
        cached_tokens=min(cached, given),
        reasoning_tokens=min(reasoning, generated),
    )


def _details(figures: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        if isinstance(found := figures.get(name), dict):
            return found
    return {}


def _count(figures: Mapping[str, Any], name: str) -> int:
    value = figures.get(name)
    if type(value) not in _NUMBERS or not value > 0:  # type: ignore[operator]  # a number
        return 0
    return int(min(value, MAX_TOKENS))  # type: ignore[type-var, arg-type]
