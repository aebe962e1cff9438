"""What a source client keeps of its requests."""

from portico.http_client import OutgoingHTTP, RequestLimits
from portico.upstream.source_client import MAX_PREPARED, SourceClient


def test_requests_are_kept_by_all_of_their_headers() -> None:
    client = SourceClient("one", "http://127.0.0.1:9", OutgoingHTTP(), limits=RequestLimits())
    users = [f"user-{number}" for number in range(2 * MAX_PREPARED)]
    for user in [*users, *users[:2]]:
        sent = client._prepared("POST", "/chat", {}, {"X-User": user}).head(2)
        assert f"X-User: {user}\r\n".encode() in sent
        assert sent.startswith(b"POST /chat HTTP/1.1\r\n")
        assert sent.endswith(b"Content-Length: 2\r\n\r\n")
    assert len(client._requests) <= MAX_PREPARED
