"""Parameters of the chat and of the model, merged for the provider."""

from collections.abc import Mapping
from typing import Any

import msgspec

from portico.api.json import decode_anything
from portico_completions.request import is_forwarded

#: Parameters that switch features of Portico and are never sent to a provider.
SWITCHES = frozenset(
    {"stream_response", "stream_delta_chunk_size", "function_calling", "reasoning_tags", "system"}
)
_NOT_SENT = SWITCHES | {"custom_params"}
#: Nesting depth of a text that is parsed as JSON.
DEEPEST = 128


#: Limits that clients store as -1 or -2 for "unlimited". Providers refuse such numbers; without the key there is no
#: limit either.
LIMITS = frozenset({"max_tokens", "max_completion_tokens", "num_ctx", "num_predict"})
UNLIMITED = (-1, -2)


def merged(chat: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters for the provider: the chat's, overridden by those of the model's record."""
    both = _flat(chat) | _flat(model)
    unlimited = [key for key in LIMITS.intersection(both) if _is_unlimited(both[key])]
    for key in unlimited:
        del both[key]
    return both


def wants_stream(model: Mapping[str, Any], asked: bool) -> bool:
    """Return whether the answer is streamed: the model's record decides if it sets the parameter."""
    decided = model.get("stream_response")
    return decided if isinstance(decided, bool) else asked


def _is_unlimited(value: Any) -> bool:
    return not isinstance(value, bool) and value in UNLIMITED


def _flat(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with `custom_params` merged in, without unset ones and those that are not sent to providers."""
    if not params:
        return {}
    custom = params.get("custom_params")
    given = params
    if isinstance(custom, dict):
        plain = {key: value for key, value in params.items() if key != "custom_params"}
        given = _deep(plain, {key: _read(value) for key, value in custom.items()})
    return {
        key: value
        for key, value in given.items()
        if value is not None and key not in _NOT_SENT and is_forwarded(key)
    }


def _deep(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, new in above.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            result[key] = _deep(old, new)
        else:
            result[key] = new
    return result


def _read(value: Any) -> Any:
    """Parse a text that is JSON: a form can only send texts."""
    if not isinstance(value, str) or value.count("[") + value.count("{") > DEEPEST:
        return value
    try:
        return decode_anything(value)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return value
