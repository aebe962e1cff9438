"""Asks providers for the usage of streams, for the accounting: they send it only if they are asked."""

from typing import Any, Final

import msgspec

from portico.api.models import SourceRequest
from portico_openai.request_body import decoded

_OPTIONS: Final = "stream_options"


def asks_for_usage(request: SourceRequest) -> bool:
    """Return whether there is nothing to add: the client asks for it, or the answer is not streamed and has it anyway.

    Options that are no object are left as they are: the provider tells the client what is wrong with them.
    """
    if not request.stream:
        return True
    options = _options(request)
    return not isinstance(options, dict) or options.get("include_usage") is True


def with_usage(request: SourceRequest) -> SourceRequest:
    """Return the request with the option."""
    options = msgspec.json.encode({**_options(request), "include_usage": True})
    body = {**request.body, _OPTIONS: msgspec.Raw(options)}
    params = {key: value for key, value in request.params.items() if key != _OPTIONS}
    return msgspec.structs.replace(request, body=body, params=params)


def _options(request: SourceRequest) -> Any:
    if (given := request.params.get(_OPTIONS)) is not None:
        return given
    raw = request.body.get(_OPTIONS)
    return decoded(raw) or {}
