"""Outgoing HTTP: `SharedSession` for addresses that the operator chose, `SafeHTTPClient` (SSRF-safe) for all others."""

from portico.http_client.public_addresses import is_public
from portico.http_client.safe_client import FetchResult, SafeHTTPClient
from portico.http_client.shared_session import SharedSession

__all__ = [
    "FetchResult",
    "SafeHTTPClient",
    "SharedSession",
    "is_public",
]
