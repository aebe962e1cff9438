"""Options of one connection, and which values they may have."""

import re
from typing import Final

from portico.api.connections import (
    OptionsForm,
    SourceOptions,
    choice_fault,
    first_fault,
    source_option_fault,
)

OPERATIONS: Final = ("chat", "embeddings", "responses", "messages")
#: Azure's version of the API if the connection names none. Source: the API's clients.
DEFAULT_API_VERSION: Final = "2023-03-15-preview"

#: Ways to authenticate that are known and not supported, with the reason.
UNSUPPORTED_AUTH_TYPES: Final = {
    "session": "it would send the session tokens of users to the provider; use 'system_oauth' or 'bearer'",
}
#: Ways to authenticate as this server at Microsoft Entra ID: two names of the same.
ENTRA_AUTH_TYPES: Final = ("azure_ad", "microsoft_entra_id")
NO_ENTRA_IDENTITY: Final = "auth_type: it needs AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET in the environment of the server"
AUTH_TYPES: Final = ("bearer", "none", "system_oauth", *ENTRA_AUTH_TYPES)
_API_VERSION = re.compile(r"[\w.-]{1,50}\Z", re.ASCII)


class OpenAIOptions(SourceOptions, frozen=True, kw_only=True, omit_defaults=True):
    """Options of one connection.

    `auth_type`: `bearer` (also None) = with the key, `none`, `system_oauth` = with the access token that the user's OAuth
    provider has issued, `azure_ad` or `microsoft_entra_id` = with a token of this server. `azure`: paths and headers of Azure OpenAI. `operations`: the endpoints that the provider has;
    None = those that it usually has. With `model_ids` the provider's list is not read. `include_usage`: ask for the usage of streams,
    also for clients that do not; None = only OpenAI itself, since some providers refuse to be asked.
    """

    auth_type: str | None = None
    azure: bool = False
    api_version: str | None = None
    operations: list[str] | None = None
    include_usage: bool | None = None


def option_fault(options: OpenAIOptions) -> str:
    """Return the first option with an invalid value and why, as `name: reason`; empty if all are valid."""
    checks = (
        ("model_ids", _deployments_fault(options)),
        ("auth_type", _auth_fault(options.auth_type)),
        ("api_version", _api_version_fault(options.api_version)),
        ("operations", _operations_fault(options)),
    )
    return source_option_fault(options) or first_fault(checks)


def _deployments_fault(options: OpenAIOptions) -> str:
    if options.azure and not options.model_ids:
        return "must name the deployments, because Azure does not list them"
    return ""


def _auth_fault(auth_type: str | None) -> str:
    reason = UNSUPPORTED_AUTH_TYPES.get(auth_type or "")
    if reason is not None:
        return f"{auth_type!r} is not supported: {reason}"
    return choice_fault(auth_type or "bearer", AUTH_TYPES)


def _api_version_fault(version: str | None) -> str:
    if not version or _API_VERSION.match(version):
        return ""
    return "must be a version of Azure's API, such as 2024-10-21"


def _operations_fault(options: OpenAIOptions) -> str:
    operations = options.operations
    if operations is None:
        return ""
    if not operations or any(one not in OPERATIONS for one in operations):
        return f"must be some of {', '.join(OPERATIONS)}"
    if options.azure and "messages" in operations:
        return "Azure OpenAI has no 'messages'"
    return ""


#: The options as administrators send them.
OPTIONS_FORM: Final = OptionsForm(
    OpenAIOptions,
    option_fault,
    own_options=("operations", "include_usage"),
    usual={"auth_type": "bearer"},
)
