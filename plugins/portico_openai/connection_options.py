"""Options of one connection, and which values they may have."""

import math
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from portico.api import Secret

OPERATIONS: Final = ("chat", "embeddings", "responses", "messages")
#: Azure's version of the API if the connection names none. Source: the API's clients.
DEFAULT_API_VERSION: Final = "2023-03-15-preview"
MAX_MODEL_IDS: Final = 10_000
MAX_NAME_CHARS: Final = 100
MAX_HEADERS: Final = 50

#: Ways to authenticate that are known and not supported, with the reason.
UNSUPPORTED_AUTH_TYPES: Final = {
    "session": "it would send the session tokens of users to the provider; use 'system_oauth' or 'bearer'",
    "azure_ad": "this server has no identity at Azure; use 'bearer' with an API key of the resource",
    "microsoft_entra_id": "this server has no identity at Azure; use 'bearer' with an API key of the resource",
}
AUTH_TYPES: Final = ("bearer", "none", "system_oauth")
#: Headers that the HTTP client sets, and those that would give away cookies.
_FORBIDDEN_HEADERS = frozenset(
    {"connection", "content-length", "cookie", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}\Z")
_API_VERSION = re.compile(r"[\w.-]{1,50}\Z", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class ConnectionOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Options of one connection. Unknown keys are ignored.

    `model_ids`: if not empty, the models of the connection; the provider's list is not read. `prefix_id`: prefix of
    every id, with a dot. `headers`: sent with every request. `auth_type`: `bearer` (also None) = with the key, `none`,
    `system_oauth` = with the access token that the user's OAuth provider has issued. `azure`: paths and headers of Azure
    OpenAI. `access`: `public` = every verified account may use models without a workspace model; else only
    administrators may. `name`: display name. `weight`, `order`: how requests are spread over connections with the same
    model. `operations`: the endpoints that the provider has; None = those that it usually has. The timeouts are seconds;
    None = those of the settings.
    """

    enable: bool = True
    name: str = ""
    model_ids: list[str] = []
    prefix_id: str | None = None
    tags: list[dict[str, str]] = []
    connection_type: str = "external"
    headers: dict[str, Secret] | None = None
    auth_type: str | None = None
    azure: bool = False
    api_version: str | None = None
    access: str | None = None
    weight: float = 1.0
    order: int = 0
    operations: list[str] | None = None
    connect_timeout: float | None = None
    list_timeout: float | None = None
    first_byte_timeout: float | None = None
    idle_timeout: float | None = None
    timeout: float | None = None


NAMES: Final = frozenset(field.name for field in msgspec.structs.fields(ConnectionOptions))
TIMEOUTS: Final = (
    "connect_timeout",
    "list_timeout",
    "first_byte_timeout",
    "idle_timeout",
    "timeout",
)


def normalized(options: ConnectionOptions) -> ConnectionOptions:
    """Return options in which what means the same is the same, so that they can be compared."""
    return msgspec.structs.replace(
        options,
        prefix_id=options.prefix_id or None,
        headers=options.headers or None,
        auth_type=None if options.auth_type == "bearer" else options.auth_type or None,
        api_version=options.api_version or None,
    )


def option_fault(options: ConnectionOptions) -> str:
    """Return the first option with an invalid value and why, as `name: reason`; empty if all are valid."""
    checks = (
        ("name", _text_fault(options.name, MAX_NAME_CHARS)),
        ("model_ids", _model_ids_fault(options)),
        ("prefix_id", _text_fault(options.prefix_id or "", MAX_NAME_CHARS)),
        ("connection_type", _choice_fault(options.connection_type, ("external", "local"))),
        ("headers", _headers_fault(options.headers or {})),
        ("auth_type", _auth_fault(options.auth_type)),
        ("api_version", _api_version_fault(options.api_version)),
        ("access", _choice_fault(options.access or "public", ("public",))),
        ("weight", "" if 0 < options.weight <= 1000 else "must be over 0 and at most 1000"),
        ("operations", _operations_fault(options.operations)),
        *((name, _seconds_fault(getattr(options, name))) for name in TIMEOUTS),
    )
    return next((f"{name}: {fault}" for name, fault in checks if fault), "")


def _text_fault(text: str, max_chars: int) -> str:
    if len(text) > max_chars:
        return f"must have at most {max_chars} characters"
    return "must not contain control characters" if _CONTROL.search(text) else ""


def _choice_fault(value: str, choices: tuple[str, ...]) -> str:
    return "" if value in choices else f"must be {' or '.join(map(repr, choices))}"


def _model_ids_fault(options: ConnectionOptions) -> str:
    if len(options.model_ids) > MAX_MODEL_IDS:
        return f"must name at most {MAX_MODEL_IDS} models"
    if options.azure and not options.model_ids:
        return "must name the deployments, because Azure does not list them"
    bad = any(not 0 < len(one) <= 256 or _CONTROL.search(one) for one in options.model_ids)
    return "must be ids of 1 to 256 characters" if bad else ""


def _headers_fault(headers: Mapping[str, Secret]) -> str:
    if len(headers) > MAX_HEADERS:
        return f"must be at most {MAX_HEADERS}"
    for name, value in headers.items():
        if not _HEADER_NAME.match(name):
            return "must have names of letters, digits and hyphens"
        if name.lower() in _FORBIDDEN_HEADERS:
            return f"{name} cannot be set"
        text = value.reveal()
        if _CONTROL.search(text) or text != text.strip() or not text.isascii():
            return f"the value of {name} must be printable ASCII without blanks around it"
    return ""


def _auth_fault(auth_type: str | None) -> str:
    reason = UNSUPPORTED_AUTH_TYPES.get(auth_type or "")
    if reason is not None:
        return f"{auth_type!r} is not supported: {reason}"
    return _choice_fault(auth_type or "bearer", AUTH_TYPES)


def _api_version_fault(version: str | None) -> str:
    if not version or _API_VERSION.match(version):
        return ""
    return "must be a version of Azure's API, such as 2024-10-21"


def _operations_fault(operations: list[str] | None) -> str:
    if operations is None:
        return ""
    if not operations or any(one not in OPERATIONS for one in operations):
        return f"must be some of {', '.join(OPERATIONS)}"
    return ""


def _seconds_fault(seconds: float | None) -> str:
    if seconds is None or (math.isfinite(seconds) and 0 < seconds <= 86400):
        return ""
    return "must be a number of seconds over 0"
