"""The bodies of errors, as the client packages of each family of APIs read them.

Every body has the `detail` of this API. A route that declares `errors` adds what its clients read:

    openai     {"detail", "error": {"message", "type", "param", "code"}}
    anthropic  {"type": "error", "error": {"type", "message"}, "detail"}
    ollama     {"detail", "error": "<sentence>"}
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

#: Whose client packages read the errors of a route.
ErrorFormat = Literal["openai", "anthropic", "ollama"]

#: The `type` of OpenAI's errors, where it is not `invalid_request_error` or, from 500 on, `server_error`.
_OPENAI_TYPES: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    502: "upstream_error",
    504: "upstream_error",
}
#: The `type` of Anthropic's errors, where it is not `invalid_request_error` or, from 500 on, `api_error`.
_ANTHROPIC_TYPES: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def error_format(scope: Mapping[str, Any]) -> ErrorFormat | None:
    """Return the format that the route of an ASGI request declares; None if it declares none, or no route was found."""
    found: ErrorFormat | None = getattr(scope.get("route_handler"), "opt", {}).get("errors")
    return found


def error_body(
    form: ErrorFormat | None, status: int, detail: Any, code: str | None = None
) -> dict[str, Any]:
    """Return the body of an error response. `detail`: a sentence, or the faults of a `ValidationError`."""
    message = _sentence(detail)
    match form:
        case "openai":
            kind = _openai_type(status)
            error = {"message": message, "type": kind, "param": _parameter(detail), "code": code}
            return {"detail": detail, "error": error}
        case "anthropic":
            error = {"type": _anthropic_type(status), "message": message}
            return {"type": "error", "error": error, "detail": detail}
        case "ollama":
            return {"detail": detail, "error": message}
    return {"detail": detail}


def error_event(form: ErrorFormat | None, status: int, message: str, code: str | None) -> bytes:
    """Return what ends a stream of server-sent events that has begun, and failed.

    `status`: the one that the response would have had.
    """
    if form == "anthropic":
        error = {"type": _anthropic_type(status), "message": message}
        return b"event: error\ndata: %b\n\n" % msgspec.json.encode(
            {"type": "error", "error": error}
        )
    body = {"error": {"message": message, "type": _openai_type(status), "code": code}}
    return b"data: %b\n\ndata: [DONE]\n\n" % msgspec.json.encode(body)


def error_line(message: str) -> bytes:
    """Return the line that ends a stream of JSON lines that has begun, and failed."""
    return msgspec.json.encode({"error": message}) + b"\n"


def _openai_type(status: int) -> str:
    return _OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")


def _anthropic_type(status: int) -> str:
    return _ANTHROPIC_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")


def _sentence(detail: Any) -> str:
    if not isinstance(detail, list):
        return str(detail)
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in detail)


def _parameter(detail: Any) -> str | None:
    """Return the path of the one field that is wrong, without `body` or `query`."""
    if not isinstance(detail, list) or len(detail) != 1:
        return None
    return ".".join(map(str, detail[0]["loc"][1:])) or None
