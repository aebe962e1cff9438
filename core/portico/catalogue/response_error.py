"""The error in a response of a model source."""

import email.utils
import math
from collections.abc import Mapping
from typing import Final

import msgspec

from portico.catalogue.source import SourceResponse
from portico.db import now
from portico.errors import RateLimited, SourceFailed, SourceTimedOut

#: Statuses that concern the client's request. Their responses are passed on.
REQUEST_ERROR_STATUSES: Final = frozenset({400, 404, 413, 422})
TIMEOUT_STATUSES: Final = frozenset({408, 504, 524})
CREDENTIAL_STATUSES: Final = frozenset({401, 403})
#: Seconds to wait if a provider that is too busy sends no usable `Retry-After`.
DEFAULT_RETRY_AFTER_SECONDS: Final = 5
MAX_RETRY_AFTER_SECONDS: Final = 86400


def status_error(
    name: str, status: int, headers: Mapping[str, str]
) -> SourceFailed | RateLimited | None:
    """Return the error of a source that answered with this status; None if it answered, or refused the request.

    Any error that is answered may be due to the request, also 403 (flagged texts) and 503 (no server for such a request),
    unless it is a time-out, or says when to ask again. `headers`: without regard to case, or in lower case.
    """
    if 200 <= status < 300 or status in REQUEST_ERROR_STATUSES:
        return None
    wait = _retry_after_seconds(headers)
    if status == 429:
        return RateLimited(
            DEFAULT_RETRY_AFTER_SECONDS if wait is None else wait,
            f"The model source {name!r} is over its rate limit.",
            is_estimate=wait is None,
        )
    if status in TIMEOUT_STATUSES:
        return SourceTimedOut(f"The model source {name!r} did not answer in time.")
    if status in CREDENTIAL_STATUSES:
        return SourceFailed(
            f"The model source {name!r} rejected the credentials of this server.",
            may_concern_request=True,
        )
    wait = wait if status == 503 else None
    return SourceFailed(
        f"The model source {name!r} answered with an error.",
        retry_after=wait,
        may_concern_request=wait is None,
    )


def error_in(response: SourceResponse) -> str | None:
    """Return the error message of a response; None for an answer."""
    if response.status < 400:
        return None
    try:
        found = msgspec.json.decode(response.body if isinstance(response.body, bytes) else b"null")
    except msgspec.MsgspecError:
        found = None
    error = found.get("error") if isinstance(found, Mapping) else None
    message = error.get("message") if isinstance(error, Mapping) else error
    return (
        message
        if isinstance(message, str)
        else f"The model answered with status {response.status}."
    )


def _retry_after_seconds(headers: Mapping[str, str]) -> int | None:
    """Return a `Retry-After` header, a number or a date, as seconds from now; None if it cannot be read."""
    value = headers.get("retry-after", "")
    try:
        return min(max(math.ceil(float(value)), 0), MAX_RETRY_AFTER_SECONDS)
    except (ValueError, OverflowError):
        pass
    try:
        moment = email.utils.parsedate_to_datetime(value).timestamp()
        return min(max(int(moment) - now(), 0), MAX_RETRY_AFTER_SECONDS)
    except (ValueError, TypeError, OverflowError):
        return None
