"""Converts a source request to the body that a provider is sent."""

from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec

from portico.api import InvalidRequest
from portico.api.models import SourceRequest
from portico.api.sources import ParamCasts, cast_param, finite_number, stop_sequences
from portico_openai.azure_body import allowed_keys

#: Keys that set address and credentials in client libraries. Neither a client nor a model's
#: record can set them, nor the model, which is already chosen.
STRIPPED_KEYS = frozenset(
    {
        "api_base", "api_key", "api_type", "api_version", "azure", "azure_ad_token", "azure_endpoint",
        "base_url", "custom_llm_provider", "default_headers", "deployment_id", "extra_body", "extra_headers",
        "extra_query", "headers", "organization", "project", "proxies", "proxy", "timeout", "url",
    }
)  # fmt: skip
RESERVED_KEYS = frozenset({"model", "stream"})
#: Keys that are set here, or decide what the caller may do.
_SET_KEYS = RESERVED_KEYS | {"messages", "input", "instructions", "system"}

REASONING_MODELS = ("o1", "o3", "o4", "gpt-5")
#: Reasoning models that do not support the developer role.
MODELS_WITHOUT_DEVELOPER_ROLE = ("o1-mini", "o1-preview")


def encode(
    request: SourceRequest, model: str, *, is_openai: bool, azure_version: str | None = None
) -> bytes:
    """Return the body of `POST /chat/completions`. `model`: the provider's own id; `is_openai`: OpenAI itself, or Azure.

    `azure_version`: the version of Azure's API, if it has one: keys that it does not take are left out.

    Values that are not converted stay byte for byte. Raises: InvalidRequest for a parameter of a wrong type.
    """
    body = given_keys(request)
    for key, value in given_params(request):
        body[key] = cast_param(key, value, _CASTS)
    if "logit_bias" in body:
        body["logit_bias"] = _logit_bias(decoded(body["logit_bias"]))
    _adapt_to_provider(body, model.lower(), is_openai=is_openai)
    if azure_version is not None:
        allowed = allowed_keys(body, azure_version)
        body = {key: value for key, value in body.items() if key in allowed}
    return msgspec.json.encode({"model": model, "stream": request.stream, **body})


def given_keys(request: SourceRequest) -> dict[str, Any]:
    """Return what a provider is sent of the client's body."""
    params = request.params.keys()
    return {key: value for key, value in request.body.items() if _is_sent(key, params)}


def given_params(request: SourceRequest) -> Iterator[tuple[str, Any]]:
    """Yield the parameters that a provider is sent."""
    params = request.params.keys()
    for key, value in request.params.items():
        if value is not None and _is_sent(key, params):
            yield key, value


def _is_sent(key: str, params: Collection[str]) -> bool:
    """Return whether a provider is sent a key: none that would choose the upstream, in any spelling.

    Some providers read `Model` as `model`: other spellings of our keys, and of `params`, are left out, too.
    """
    if key in RESERVED_KEYS:
        return False
    meant = key.strip().casefold()
    if meant != key and (meant in _SET_KEYS or meant in params):
        return False
    return meant.replace("-", "_") not in STRIPPED_KEYS


_CASTS: Final[ParamCasts] = {
    "temperature": finite_number,
    "top_p": finite_number,
    "min_p": finite_number,
    "frequency_penalty": finite_number,
    "presence_penalty": finite_number,
    "max_tokens": int,
    "reasoning_effort": str,
    "stop": stop_sequences,
}


def _logit_bias(value: Any) -> Any:
    """Return `"5:200,7:-3"` or an object as an object of token to bias, each within ±100, or `false` where that bans a token.

    An array, such as llama.cpp takes, stays as it is.
    """
    if value is None or isinstance(value, list):
        return value
    try:
        pairs = (
            [pair.split(":") for pair in value.split(",") if pair.strip()]
            if isinstance(value, str)
            else value.items()
        )
        return {str(token).strip(): _bias(bias) for token, bias in pairs if bias is not None}
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise InvalidRequest("The parameter 'logit_bias' must map tokens to numbers.") from None


def _bias(value: Any) -> float | bool:
    """Return a bias; a whole number without a fraction, since some providers take no other."""
    if isinstance(value, bool) or (isinstance(value, str) and value.strip().lower() == "false"):
        return value is True
    number = max(-100.0, min(100.0, finite_number(value)))
    return int(number) if number == int(number) else number


def _adapt_to_provider(body: dict[str, Any], model: str, *, is_openai: bool) -> None:
    """Rename keys and roles as this provider and model expect them."""
    for key in ("max_tokens", "max_completion_tokens"):
        if key in body and decoded(body[key]) is None:
            del body[key]  # renamed, it would replace a value that is set
    if model.startswith(REASONING_MODELS):
        if "max_tokens" in body:
            body["max_completion_tokens"] = body.pop("max_tokens")
        _rename_system(
            body, "user" if model.startswith(MODELS_WITHOUT_DEVELOPER_ROLE) else "developer"
        )
    elif not is_openai and "max_completion_tokens" in body:
        body["max_tokens"] = body.pop("max_completion_tokens")
    if "max_completion_tokens" in body:
        body.pop("max_tokens", None)


def _rename_system(body: dict[str, Any], role: str) -> None:
    messages = decoded(body.get("messages"), list[msgspec.Raw])
    if not messages or b'"system"' not in bytes(messages[0]):
        return
    first = decoded(messages[0])
    if isinstance(first, dict) and first.get("role") == "system":
        body["messages"] = [first | {"role": role}, *messages[1:]]


def decoded(value: Any, kind: Any = Any) -> Any:
    """Return a value, decoded if it is raw. Raises: InvalidRequest for a number that is too large."""
    if not isinstance(value, msgspec.Raw):
        return value
    try:
        return msgspec.json.decode(value, type=kind)
    except msgspec.MsgspecError:
        raise InvalidRequest("A parameter of the request cannot be read.") from None
