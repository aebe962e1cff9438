"""Which keys of a chat completion Azure OpenAI takes. It refuses requests with others."""

from collections.abc import Iterable
from typing import Final

_KEYS: Final = frozenset(
    {
        "audio", "data_sources", "dataSources", "enhancements", "frequency_penalty", "function_call", "functions", "logit_bias",
        "logprobs", "max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model", "n",
        "parallel_tool_calls", "prediction", "presence_penalty", "reasoning_effort", "response_format", "seed", "stop",
        "store", "stream", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "user_security_context",
    }
)  # fmt: skip
#: Since this version of the API the usage can be asked for.
_FIRST_WITH_STREAM_OPTIONS: Final = "2024-09-01-preview"


def allowed_keys(keys: Iterable[str], api_version: str) -> set[str]:
    """Return those of the keys that this version of Azure's API takes. Versions begin with their date."""
    allowed = set(keys) & _KEYS
    if api_version >= _FIRST_WITH_STREAM_OPTIONS:
        allowed |= set(keys) & {"stream_options"}
    return allowed
