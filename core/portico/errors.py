"""Errors of the domain, and the messages that API clients know.

Services raise these errors; only `portico.web.errors` maps them to HTTP statuses. The messages are those of the API that
Portico is compatible with, since clients compare `detail`.
"""

import traceback
from collections.abc import Mapping, Sequence
from typing import Any

NOT_AUTHENTICATED = "Not authenticated"
INVALID_TOKEN = "Your session has expired or the token is invalid. Please sign in again."
INVALID_CRED = (
    "The email or password provided is incorrect. Please check for typos and try logging in again."
)
UNAUTHORIZED = "401 Unauthorized"
ACCESS_PROHIBITED = (
    "You do not have permission to access this resource. "
    "Please contact your administrator for assistance."
)
ACTION_PROHIBITED = "The requested action has been restricted as a security measure."
NOT_FOUND = "We could not find what you're looking for :/"
DEFAULT = "Something went wrong :/"
EMAIL_TAKEN = (
    "Uh-oh! This email is already registered. "
    "Sign in with your existing account or choose another email to start anew."
)
INVALID_EMAIL_FORMAT = (
    "The email format you entered is invalid. Please double-check and make sure you're using "
    "a valid email address (e.g., yourname@example.com)."
)
PASSWORD_TOO_LONG = (
    "Uh-oh! The password you entered is too long. "
    "Please make sure your password is less than 72 bytes long."
)
INVALID_PASSWORD = "The password does not meet the required validation criteria."
USER_MISMATCH = "User mismatch. Please sign in again."
API_KEY_NOT_ALLOWED = "Use of API key is not enabled in the environment."
API_KEY_CREATION_NOT_ALLOWED = "API key creation is not allowed in the environment."
API_KEY_NOT_FOUND = (
    "Oops! It looks like there's a hiccup. The API key is missing. "
    "Please make sure to provide a valid API key to access this feature."
)
INCORRECT_PASSWORD = "The password provided is incorrect. Please check for typos and try again."
API_KEY_OUT_OF_BOUNDS = "API key not allowed to access this endpoint."
COMMAND_TAKEN = "Uh-oh! This command is already registered. Please choose another command string."
MODEL_ID_TAKEN = (
    "Uh-oh! This model id is already registered. Please choose another model id string."
)
MODEL_ID_TOO_LONG = (
    "The model id is too long. Please make sure your model id is less than 256 characters long."
)
INVALID_MODEL_ID = "The model id is empty or holds characters that are not allowed."
MODEL_NOT_FOUND = "Model not found"
DB_NOT_SQLITE = "This feature is only available when running with SQLite databases."
UNAVAILABLE = "Service temporarily unavailable"


def error_location(error: BaseException) -> str:
    """Return where an exception was raised, such as `module.py:12`. Contains no data of users."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else "unknown"


def error_text(error: BaseException) -> str:
    """Return the text of any exception, such as one of a plugin, which may raise instead of having one."""
    try:
        return str(error)
    except BaseException:  # noqa: BLE001 - an exit of the interpreter is no text either
        return "(its text cannot be read)"


class OperatorError(Exception):
    """Portico cannot do this until the operator changes something. Each line of the text says what to change."""


class DomainError(Exception):
    """A request fails for a reason that the client is shown.

    `detail`: sent to the client, so it never contains a secret, a path or data of other users. `code`: what programs
    compare, in snake_case, on the routes of OpenAI's API; None = that of the class, if it has one.
    """

    default = DEFAULT
    code: str | None = None

    def __init__(self, detail: str | None = None, *, code: str | None = None) -> None:
        super().__init__(detail or self.default)
        self.detail = detail or self.default
        if code is not None:
            self.code = code


class Unauthenticated(DomainError):
    """The request has no credential, or an invalid, expired or revoked one."""

    default = NOT_AUTHENTICATED
    code = "invalid_api_key"


class Forbidden(DomainError):
    """The caller is authenticated, but lacks a role, a permission or a grant."""

    default = ACCESS_PROHIBITED
    code = "permission_denied"


class NotFound(DomainError):
    """The resource does not exist, or the caller may not know that it does. Clients cannot tell the two apart."""

    default = NOT_FOUND
    code = "not_found"


class InvalidRequest(DomainError):
    """The request matches its schema but cannot be fulfilled: a name is taken, a value out of range, an id unknown."""


class ValidationError(DomainError):
    """The body or the query does not match its schema.

    Shape of `faults`: mappings with `type`, `loc` (`["body", "chat", "title"]`) and `msg`; they never contain the input.
    """

    def __init__(self, faults: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults))
        self.faults = list(faults)


def fault(kind: str, loc: Sequence[str | int], message: str) -> dict[str, Any]:
    """Return one entry of the faults of a `ValidationError`."""
    return {"type": kind, "loc": list(loc), "msg": message}


def field_error(
    field: str | Sequence[str | int], kind: str, message: str, *, source: str = "body"
) -> ValidationError:
    """Return the error of a field with a wrong shape. `field`: its name or its path. `source`: `body`, `query` or `path`."""
    path = [field] if isinstance(field, str) else field
    return ValidationError([fault(kind, [source, *path], message)])


class TooLarge(DomainError):
    """The body is over its limit."""

    default = "Request body too large"
    code = "request_too_large"


class URLTooLong(DomainError):
    """The URL is over its limit."""

    default = "The URL is too long."


class RequestTimeout(DomainError):
    """The body was not received in time."""

    default = "The request took too long to arrive"


class IncompleteBody(InvalidRequest):
    """The request ended before its body did, or the framing of its body is ambiguous."""

    default = "The request is incomplete or malformed."


class RateLimited(DomainError):
    """The caller has exceeded a rate limit, or this server has one of a model source.

    `retry_after`: seconds. `is_estimate`: the source did not say for how long.
    """

    default = "API rate limit exceeded"
    code = "rate_limit_exceeded"

    def __init__(
        self,
        retry_after: int,
        detail: str | None = None,
        *,
        code: str | None = None,
        is_estimate: bool = False,
    ) -> None:
        super().__init__(detail, code=code)
        self.retry_after = retry_after
        self.is_estimate = is_estimate


class SourceFailed(DomainError):
    """A model source is unavailable or its response is invalid. `detail` names the source, never its address or key.

    `retry_after`: seconds that the source asks to wait; None = it does not say. `may_concern_request`: the source answered
    with an error that may be due to this request, so it alone is no reason not to ask the source again.
    """

    default = "The model source could not be reached."
    code = "source_failed"

    def __init__(
        self,
        detail: str | None = None,
        *,
        code: str | None = None,
        retry_after: int | None = None,
        may_concern_request: bool = False,
    ) -> None:
        super().__init__(detail, code=code)
        self.retry_after = retry_after
        self.may_concern_request = may_concern_request


class SourceTimedOut(SourceFailed):
    """A model source did not answer within its time limit."""

    default = "The model source did not answer in time."
    code = "source_timed_out"


class FetchRefused(InvalidRequest):
    """A URL may not be fetched, its server does not answer, or the response is not of the expected kind."""

    default = "This address could not be fetched."


class Unavailable(DomainError):
    """The database (or Redis) is unreachable, full or too busy. A later attempt may succeed.

    `cause`: the reason for the operator, if it is known. It is not sent to clients.
    """

    default = UNAVAILABLE
    code = "unavailable"
    cause: object = None
