"""The ways out of the server: one for what the operator chose the address of, a guarded one for all else."""

from portico.http_client.public_addresses import is_public
from portico.http_client.safe_client import FetchResult, SafeHTTPClient
from portico.http_client.shared_session import SharedSession

__all__ = [
    "FetchResult",
    "SafeHTTPClient",
    "SharedSession",
    "is_public",
]
