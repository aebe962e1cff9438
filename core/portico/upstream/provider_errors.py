"""Errors of a provider, as texts that may be sent to clients.

A provider's own text may contain the key, internal addresses or a stack trace. So it is logged, redacted, and the
client learns which source failed and why. Only errors about the *request* (400, 404, 413, 422) are passed on, redacted,
because the user can do something about them.
"""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from portico.catalogue import REQUEST_ERROR_STATUSES, SourceResponse, status_error
from portico.errors import SourceFailed, SourceTimedOut
from portico.http_client import failure_reason
from portico.upstream.error_message import error_message
from portico.upstream.redactor import Redactor

log = logging.getLogger(__name__)


class ProviderErrors:
    """Creates the errors of one source, and logs their details."""

    def __init__(self, name: str, redact: Redactor) -> None:
        self.name = name
        self.redact = redact

    def unreachable(self, error: BaseException) -> SourceFailed:
        """Return the error for a connection that failed before a response began."""
        log.warning("%s: connection failed: %s", self.name, failure_reason(error))
        return SourceFailed(f"The model source {self.name!r} could not be reached.")

    def timed_out(self) -> SourceTimedOut:
        """Return the error for a response that exceeded a time limit."""
        log.warning("%s: request timed out", self.name)
        return SourceTimedOut(f"The model source {self.name!r} did not answer in time.")

    def invalid_response(self, what: str) -> SourceFailed:
        """Return the error for an invalid response. `what`: logged."""
        log.warning("%s: %s", self.name, what)
        return SourceFailed(
            f"The model source {self.name!r} sent a response that cannot be read.",
            may_concern_request=True,
        )

    def from_response(self, status: int, headers: Mapping[str, str], body: bytes) -> SourceResponse:
        """Return the client's response for an error response about the request.

        Raises: RateLimited for 429; SourceTimedOut; SourceFailed for all others, 401 and 403 too: those concern the key of
        this server, not the caller's.
        """
        self._log_response(status, body)
        if status in REQUEST_ERROR_STATUSES:
            return SourceResponse(status=status, body=self._refusal(status, body))
        raise status_error(self.name, status, headers) or self.failed(status)

    def failed(self, status: int, body: bytes = b"") -> SourceFailed:
        """Return the error for an error response that does not concern the client's request."""
        if body:
            self._log_response(status, body)
        error = status_error(self.name, status, {})
        if isinstance(error, SourceFailed):
            return error
        return SourceFailed(f"The model source {self.name!r} answered with an error.")

    def error_in_stream(self, payload: bytes) -> str:
        """Log an error inside a response; return the text for the client."""
        log.warning("%s: error inside a response: %s", self.name, self._text_of(payload))
        return f"The model source {self.name!r} failed while it answered."

    def interrupted(self, error: BaseException | None = None) -> str:
        """Log that a stream ended before the response did; return the text for the client."""
        log.warning(
            "%s: response ended early: %s",
            self.name,
            failure_reason(error) if error else "the stream has no end",
        )
        return f"The model source {self.name!r} broke off its answer."

    def dropped_events(self, events: int) -> str:
        """Log how many events of a stream were unreadable; return the text for the client."""
        log.warning("%s: %d unreadable events of a stream dropped", self.name, events)
        return f"Parts of the response of the model source {self.name!r} could not be read and are missing."

    def _log_response(self, status: int, body: bytes) -> None:
        log.warning("%s: responded with status %d: %s", self.name, status, self._text_of(body))

    def _text_of(self, body: bytes) -> str:
        found = error_message(body)
        return self.redact(found.text if found else body.decode(errors="replace"))

    def _refusal(self, status: int, body: bytes) -> bytes:
        """Return the client's body for a refused request, with the provider's sentence, or ours if there is none."""
        found = error_message(body)
        message = self.redact(found.text) if found else ""
        message = message or f"The model source {self.name!r} answered with status {status}."
        error: dict[str, Any] = {"message": message, "type": None, "param": None, "code": None}
        if found:
            known = {"type": found.type, "param": found.param, "code": found.code}
            error |= {key: self._known_value(value) for key, value in known.items()}
        return msgspec.json.encode({"detail": message, "error": error})

    def _known_value(self, value: Any) -> Any:
        return self.redact(value) if isinstance(value, str) else value if isinstance(value, int) else None  # fmt: skip
