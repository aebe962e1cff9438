"""HTTP/1.1 for requests to model sources: connections that are reused, and responses that are read as they arrive.

Tokens pass through here, so it does no more than they need: a parser in C (httptools), one object for a connection and one
for a response. Addresses that others chose are fetched by `SafeHTTPClient`.
"""

from portico.http_client.http1.connection import HTTPConnection
from portico.http_client.http1.connection_pool import ConnectionPool
from portico.http_client.http1.errors import (
    ConnectFailed,
    ConnectionBroken,
    HTTPClientError,
    InvalidHTTP,
    ProxyRefusal,
)
from portico.http_client.http1.opening import ConnectionOpener
from portico.http_client.http1.response import HTTPResponse
from portico.http_client.http1.target import (
    ConnectionKey,
    HTTPTarget,
    PreparedRequest,
    prepared_request,
)

__all__ = [
    "ConnectFailed",
    "ConnectionBroken",
    "ConnectionKey",
    "ConnectionOpener",
    "ConnectionPool",
    "HTTPClientError",
    "HTTPConnection",
    "HTTPResponse",
    "HTTPTarget",
    "InvalidHTTP",
    "PreparedRequest",
    "ProxyRefusal",
    "prepared_request",
]
