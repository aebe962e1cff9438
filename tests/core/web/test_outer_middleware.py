"""The outer middleware: request ids, limits of bodies and paths, and JSON errors for all requests."""

import gc
import select
import socket
import tracemalloc
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.one_database import on_sqlite

from portico.testing import Client, InProcessApp, ServerProcess
from portico.web.middleware.outer import MAX_PATH_CHARS


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/api/v1/nowhere", 404, "Not Found"),
        ("GET", "/nowhere", 404, "Not Found"),
        ("DELETE", "/health", 405, "Method Not Allowed"),
        ("PATCH", "/api/v1/auths/signin", 405, "Method Not Allowed"),
    ],
)
def test_unknown_path_and_wrong_method_return_json(
    client: Client, method: str, path: str, status: int, detail: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status, answer.json) == (status, {"detail": detail})


def test_too_long_path_is_refused(client: Client) -> None:
    prefix = "/api/v1/chats/"
    assert client.get(prefix + "a" * (MAX_PATH_CHARS - len(prefix))).status == 401
    for path in (prefix + "a" * MAX_PATH_CHARS, "/" + "a" * MAX_PATH_CHARS):
        answer = client.get(path)
        assert (answer.status, answer.json) == (414, {"detail": "The URL is too long."})
        assert "x-request-id" in answer.headers


@on_sqlite
@pytest.mark.parametrize(
    ("target", "status"), [("/api/v1/chats/search?text=", 400), ("/api/v1/chats/?page=", 422)]
)
def test_long_queries_are_not_cached(admin: Client, target: str, status: int) -> None:
    def ask(number: int) -> None:
        assert admin.get(f"{target}{number}{'a' * 50_000}").status == status

    ask(0)
    tracemalloc.start()
    try:
        for number in range(1, 41):
            ask(number)
        gc.collect()
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < 500_000  # of two million bytes, which a cache holds twice or more


def test_collection_root_accepts_trailing_slash(admin: Client) -> None:
    assert admin.get("/api/v1/chats/").status == admin.get("/api/v1/chats").status == 200


def test_every_response_has_request_id_and_process_time(client: Client) -> None:
    first, second = client.get("/health").headers, client.get("/nowhere").headers
    assert first["x-request-id"] != second["x-request-id"]
    assert first["x-process-time"] == "0"
    assert second["x-content-type-options"] == "nosniff"


def test_request_id_of_proxy_is_used_if_valid(client: Client) -> None:
    accepted = client.get("/health", headers={"x-request-id": "abcdef-0123456789"})
    assert accepted.headers["x-request-id"] == "abcdef-0123456789"
    for hostile in ("short", "a" * 65, "white space here", "<script>alert(1)"):
        assert (
            client.get("/health", headers={"x-request-id": hostile}).headers["x-request-id"]
            != hostile
        )


def test_missing_body_is_422(client: Client) -> None:
    answer = client.post("/api/v1/auths/signin")
    assert answer.status == 422
    assert answer.detail == [{"type": "missing", "loc": ["body"], "msg": "Field required"}]


def test_form_body_is_refused(client: Client) -> None:
    answer = client.post(
        "/api/v1/auths/signin",
        body=b"email=a&password=b" + b";" * 1000,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status == 422


@pytest.mark.case("AB-68")
def test_anonymous_body_over_the_limit_is_refused(client: Client) -> None:
    answer = client.post("/api/v1/auths/signin", body=b" " * (64 * 1024 + 1))
    assert (answer.status, answer.detail) == (413, "Request body too large")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/users/user/status/update", 413),
        ("/api/v1/groups/create", 413),
        ("/api/v1/users/default/permissions", 413),
        ("/api/v1/chats/new", 200),
        ("/api/chat/completions", 404),
    ],
)
def test_body_of_megabytes_is_accepted_only_where_it_may_be_large(
    admin: Client, path: str, status: int
) -> None:
    sent = {"name": "x", "model": "none", "messages": [], "chat": {"x": "a" * (4 << 20)}}
    answer = admin.post(path, sent)
    assert answer.status == status
    if status == 413:
        assert "4194304 bytes here, see server.max_form_bytes" in answer.detail


def test_unavailable_database_is_503_with_retry_after(app: InProcessApp) -> None:
    ada = app.client.sign_up("Ada")
    app.run(app.portico.database.stop)
    try:
        for path in ("/api/v1/auths/", "/health/db"):
            answer = ada.get(path)
            assert (answer.status, answer.detail) == (503, "Service temporarily unavailable")
            assert int(answer.headers["retry-after"]) > 0
        ready = ada.get("/ready")
        assert ready.status == 503
        assert [r["check"] for r in ready.json["reasons"]] == ["database"]
        assert ada.get("/health").status == 200
    finally:
        app.run(app.portico.database.start)


def test_openapi_document_lists_all_routes(client: Client) -> None:
    described = client.get("/openapi.json").json
    assert described["openapi"].startswith("3.1")
    body = described["paths"]["/api/v1/auths/signin"]["post"]["requestBody"]["content"]
    assert "$ref" in body["application/json"]["schema"]
    assert b"<title>" in client.get("/docs").body


def resident(server: ServerProcess) -> int:
    """Return the resident memory of the server's worker process in bytes."""
    assert server.process is not None
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    status = Path(f"/proc/{children.split()[0]}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def flood(server: ServerProcess, path: str, token: str | None) -> int:
    """Send one gigabyte in chunks, without a length. Returns the bytes that were sent before it was refused."""
    address = urlsplit(server.url)
    credential = f"authorization: Bearer {token}\r\n" if token else ""
    chunk, sent = b"10000\r\n" + b" " * 0x10000 + b"\r\n", 0
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nhost: x\r\n{credential}"
            "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        )
        try:
            while sent < 1 << 30 and not select.select([connection], [], [], 0)[0]:
                connection.sendall(chunk)
                sent += 0x10000
        except OSError:
            pass  # the server closed the connection while it was still sending
    return sent


@on_sqlite
@pytest.mark.case("AB-68")
def test_endless_body_is_refused_with_bounded_memory(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")
    before = resident(server)
    for path, token in [
        ("/api/v1/auths/signin", None),
        ("/api/v1/chats/new", None),
        ("/api/v1/chats/new", ada.token),
        ("/api/chat/completions", ada.token),
    ]:
        assert flood(server, path, token) < 64 << 20
    assert resident(server) - before < 50 << 20
    assert ada.get("/api/v1/auths/").status == 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b";" * 1_000_000),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\ncontent-disposition: form-data; name=a\r\n\r\n\r\n" * 100_000,
        ),
        ("multipart/form-data; boundary=b", b"--b\r\nx-header: " + b"h" * 10_000_000),
    ],
)
@pytest.mark.case("AB-68")
def test_form_of_any_size_is_refused_unparsed(admin: Client, kind: str, body: bytes) -> None:
    model_status = 413 if len(body) > 4 << 20 else 422
    for path, status in {
        "/api/v1/chats/new": 422,
        "/api/v1/models/create": model_status,
        "/api/chat/completions": 422,
    }.items():
        assert admin.post(path, body=body, headers={"content-type": kind}).status == status
    anonymous = Client(admin.transport)
    assert (
        anonymous.post("/api/v1/auths/signin", body=body, headers={"content-type": kind}).status
        == 413
    )
