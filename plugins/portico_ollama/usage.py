"""Converts the figures at the end of an answer of Ollama to OpenAI's usage. Ollama's own are kept beside it."""

from typing import Any

import msgspec

NANOSECONDS = 1_000_000_000


class Figures(msgspec.Struct, gc=False):
    """The figures of an answer. Durations: nanoseconds."""

    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    eval_count: int | None = None
    eval_duration: int | None = None


def usage(figures: Figures) -> dict[str, Any]:
    """Return OpenAI's `usage`. Rates are `"N/A"` without a duration."""
    prompt, answer = figures.prompt_eval_count or 0, figures.eval_count or 0
    seconds = (figures.total_duration or 0) // NANOSECONDS
    return {
        "response_token/s": _rate(answer, figures.eval_duration),
        "prompt_token/s": _rate(prompt, figures.prompt_eval_duration),
        "total_duration": figures.total_duration or 0,
        "load_duration": figures.load_duration or 0,
        "prompt_eval_count": prompt,
        "prompt_tokens": prompt,
        "prompt_eval_duration": figures.prompt_eval_duration or 0,
        "eval_count": answer,
        "completion_tokens": answer,
        "eval_duration": figures.eval_duration or 0,
        "approximate_total": f"{seconds // 3600}h{seconds % 3600 // 60}m{seconds % 60}s",
        "total_tokens": prompt + answer,
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _rate(tokens: int, duration: int | None) -> float | str:
    return round(tokens / (duration / NANOSECONDS), 2) if duration and duration > 0 else "N/A"
