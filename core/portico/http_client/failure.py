"""Why an outgoing request failed, in words for the log."""

import socket
import ssl
from collections.abc import Iterator

#: Causes that are looked at: libraries wrap errors into each other.
MAX_CAUSES = 20


def failure_reason(error: BaseException) -> str:
    """Return why a request failed: the certificate, the name, a refused or lost connection, a time limit.

    Reads the causes of an error of any HTTP client. The text holds no address and no more of the error than its type.
    """
    causes = list(_causes(error))
    for kind, text in _REASONS:
        found = next((cause for cause in causes if isinstance(cause, kind)), None)
        if found is not None:
            return text + _certificate_fault(causes)
    names = {type(cause).__name__ for cause in causes}
    return next((text for name, text in _NAMED_REASONS if name in names), type(error).__name__)


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "the certificate is not accepted"),
    (ssl.CertificateError, "the certificate is not accepted"),
    (ssl.SSLError, "the TLS handshake failed"),
    (socket.gaierror, "the name was not found"),
    (ConnectionRefusedError, "the connection was refused"),
    (TimeoutError, "it timed out"),
    (ConnectionError, "the connection was lost"),
)
#: By name, since importing the HTTP clients takes a tenth of a second.
_NAMED_REASONS = (
    (
        "_PrivateAddress",
        "the address is not public, and http_client.allowed_hosts does not name it",
    ),
    ("ProxyRefusal", "the proxy refused the request"),
    ("ClientConnectorDNSError", "the name was not found"),
    ("ProxyError", "the proxy refused the request"),
    ("ConnectTimeout", "it timed out"),
    ("ReadTimeout", "it timed out"),
    ("RemoteProtocolError", "the connection was lost"),
    ("ServerDisconnectedError", "the connection was lost"),
    ("ClientPayloadError", "the connection was lost"),
    ("ClientResponseError", "the response is not HTTP, or its headers are too long"),
    ("InvalidHTTP", "the response is not HTTP, or its headers are too long"),
    ("ValueError", "the address or a header is not valid"),
    ("InvalidURL", "the address is not valid"),
    ("InvalidUrlClientError", "the address is not valid"),
)


def _certificate_fault(causes: list[BaseException]) -> str:
    """Return what is wrong with a certificate, such as `: self-signed certificate`; without the host that OpenSSL adds."""
    messages = (str(getattr(cause, "verify_message", "")) for cause in causes)
    fault = next(filter(None, messages), "").partition(",")[0]
    return f": {fault}" if fault else ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < MAX_CAUSES:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [
            getattr(cause, "certificate_error", None),
            getattr(cause, "os_error", None),
            cause.__cause__,
            cause.__context__,
        ]
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions
