"""Outgoing HTTP: `OutgoingHTTP` for addresses that the operator chose, `SafeHTTPClient` (SSRF-safe) for all others."""

from portico.http_client.failure import failure_reason
from portico.http_client.http1 import (
    ConnectionBroken,
    HTTPClientError,
    HTTPResponse,
    PreparedRequest,
)
from portico.http_client.limits import RequestLimits
from portico.http_client.network_rules import NetworkRules
from portico.http_client.outgoing import OutgoingHTTP
from portico.http_client.public_addresses import is_public
from portico.http_client.safe_client import FetchResult, SafeHTTPClient

__all__ = [
    "ConnectionBroken",
    "FetchResult",
    "HTTPClientError",
    "HTTPResponse",
    "NetworkRules",
    "OutgoingHTTP",
    "PreparedRequest",
    "RequestLimits",
    "SafeHTTPClient",
    "failure_reason",
    "is_public",
]
