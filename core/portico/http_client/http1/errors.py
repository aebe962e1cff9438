"""Errors of outgoing requests. `failure_reason` puts their causes into words."""


class HTTPClientError(Exception):
    """An outgoing request failed."""


class ConnectFailed(HTTPClientError):
    """No connection could be opened; the cause says why."""


class ConnectionBroken(HTTPClientError, ConnectionError):
    """The connection ended before the response did."""


class InvalidHTTP(HTTPClientError):
    """The response is not HTTP, or its headers are too long."""


class ProxyRefusal(HTTPClientError):
    """The proxy does not connect to the address."""
