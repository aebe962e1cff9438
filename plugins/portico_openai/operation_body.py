"""Bodies of requests to the endpoints other than chat completions. Values stay byte for byte."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api.models import SourceRequest
from portico_openai.request_body import decoded, given_keys, given_params

#: Parameters of models by endpoint, where their names differ from those of chat completions.
_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "responses": {"max_tokens": "max_output_tokens", "max_completion_tokens": "max_output_tokens"},
    "messages": {"max_completion_tokens": "max_tokens", "stop": "stop_sequences"},
}
#: Parameters of models that an endpoint does not have. Providers refuse requests with them.
_ABSENT: Final[Mapping[str, frozenset[str]]] = {
    "responses": frozenset(
        {
            "frequency_penalty", "logit_bias", "logprobs", "min_p", "n", "num_ctx", "presence_penalty", "repeat_penalty",
            "response_format", "seed", "stop", "stream_options", "template", "top_k",
        }
    ),
    "messages": frozenset(
        {
            "frequency_penalty", "logit_bias", "logprobs", "min_p", "n", "num_ctx", "presence_penalty", "reasoning_effort",
            "repeat_penalty", "response_format", "seed", "stream_options", "template", "top_logprobs",
        }
    ),
}  # fmt: skip
#: All parameters of models that embeddings have.
_OF_EMBEDDINGS: Final = frozenset({"dimensions", "encoding_format", "user"})


def encode_operation(request: SourceRequest, model: str) -> bytes:
    """Return the body of a request for embeddings, responses or messages. `model`: the provider's own id."""
    body: dict[str, Any] = {"model": model, **given_keys(request)}
    for key, value in given_params(request):
        if request.operation == "embeddings":
            if key in _OF_EMBEDDINGS:
                body[key] = value
        elif key not in _ABSENT[request.operation]:
            _set(body, _NAMES[request.operation].get(key, key), value)
    if request.stream:
        body["stream"] = True
    return msgspec.json.encode(body)


def _set(body: dict[str, Any], key: str, value: Any) -> None:
    if key == "reasoning_effort":  # only responses get here, which have it inside of an object
        given = body.get("reasoning")
        known = decoded(given)
        body["reasoning"] = {**(known if isinstance(known, dict) else {}), "effort": value}
    elif key == "stop_sequences" and isinstance(value, str):
        body[key] = [value]
    else:
        body[key] = value
