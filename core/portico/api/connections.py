"""Connections to providers that administrators edit while the server runs: checks of what they send, and masks of secrets.

Constants:

    MASK         What clients are shown in place of a secret.
    OWN_OPTIONS  Options that web clients do not know.
    TIMEOUTS     Options that are time limits.
"""

from portico.upstream.connections.base_url import trimmed, unique_name, url_fault
from portico.upstream.connections.connected_source import ConnectedSource, NamedConnection
from portico.upstream.connections.connection_form import (
    OptionsForm,
    check_key,
    check_url,
    read_key,
)
from portico.upstream.connections.connection_kind import ConnectionKind, NumberedConnection
from portico.upstream.connections.masked_secrets import (
    MASK,
    StoredConnection,
    is_mask,
    masked_keys,
    stored_connections,
)
from portico.upstream.connections.option_checks import choice_fault
from portico.upstream.connections.reachability import check_reachable
from portico.upstream.connections.source_options import (
    OWN_OPTIONS,
    TIMEOUTS,
    SourceOptions,
    first_fault,
    options_at,
    shown_options,
    source_option_fault,
)
from portico.upstream.connections.source_settings import (
    SourceSettings,
    list_limits,
    request_limits,
)

__all__ = [
    "MASK",
    "ConnectedSource",
    "ConnectionKind",
    "OWN_OPTIONS",
    "TIMEOUTS",
    "NamedConnection",
    "NumberedConnection",
    "OptionsForm",
    "SourceOptions",
    "SourceSettings",
    "StoredConnection",
    "check_key",
    "check_reachable",
    "check_url",
    "choice_fault",
    "first_fault",
    "is_mask",
    "list_limits",
    "masked_keys",
    "options_at",
    "read_key",
    "request_limits",
    "shown_options",
    "source_option_fault",
    "stored_connections",
    "trimmed",
    "unique_name",
    "url_fault",
]
