"""HEAD is answered wherever GET is: the same status and headers, no body, and the handler runs once."""

import re
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import Client, InProcessApp, Response, ServerProcess

SOURCE = """
    import asyncio
    from litestar import Response
    from litestar.types import ASGIApp
    from litestar.response import Redirect, ServerSentEvent, Stream
    from portico.api import Forbidden, PluginInfo, hookimpl
    from portico.api.models import SourceResponse
    from portico.api.web import Fallback, JSONResponse, Request, get, post, route, stream_response

    PLUGIN = PluginInfo(api_version=1, summary="Answers GET in every way.", route_prefixes=("/page", "/api/x/head"))
    CALLS: list[str] = []
    URL = "/api/x/head"

    def called(name: str) -> None:
        CALLS.append(name)

    async def endless(name: str, first: bytes):
        try:
            yield first
            await asyncio.Event().wait()
        finally:
            called(f"{name} ended")

    async def silent(name: str):
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            called(f"{name} ended")

    class PlainASGI:
        def __init__(self, pieces: int) -> None:
            self.pieces = pieces

        async def __call__(self, scope, receive, send) -> None:
            await send({"type": "http.response.start", "status": 203, "headers": [(b"x-plain", b"1")]})
            for number in range(self.pieces):
                await send({"type": "http.response.body", "body": b"x" * 9, "more_body": number + 1 < self.pieces})
            called("plain sent all")

    @get(f"{URL}/value", access="public")
    async def value() -> dict[str, int]:
        called("value")
        return {"n": len(CALLS)}

    @get(f"{URL}/large", access="public")
    async def large() -> JSONResponse:
        return JSONResponse(b'"' + b"a" * 600_000 + b'"')

    @get(f"{URL}/text", access="public", status_code=202)
    async def text() -> Response[str]:
        return Response("hello", status_code=202, media_type="text/plain", headers={"etag": '"1"'})

    @get(f"{URL}/empty", access="public", status_code=204)
    async def empty() -> None:
        return None

    @get(f"{URL}/gone", access="public", status_code=302)
    async def gone() -> Redirect:
        return Redirect("/elsewhere")

    @get(f"{URL}/refused", access="public")
    async def refused() -> None:
        raise Forbidden("No")

    @get(f"{URL}/broken", access="public")
    async def broken() -> None:
        raise RuntimeError("a secret")

    @get(f"{URL}/plain", access="public")
    async def plain() -> PlainASGI:
        return PlainASGI(1)

    @get(f"{URL}/pieces", access="public")
    async def pieces() -> PlainASGI:
        return PlainASGI(1000)

    @get(f"{URL}/own", access="public")
    async def own() -> str:
        return "of GET"

    @route(f"{URL}/own", method="HEAD", access="public")
    async def own_head() -> None:
        called("own HEAD")

    @post(f"{URL}/changing", access="public")
    async def changing() -> None:
        called("changing")

    @get(f"{URL}/private")
    async def private(request: Request) -> str:
        return request.user.id

    @get(f"{URL}/relayed", access="public")
    async def relayed(request: Request) -> ASGIApp:
        return stream_response(request, SourceResponse(body=endless("relayed", b"x"), content_type="text/x"))

    @get(f"{URL}/waiting", access="public")
    async def waiting(request: Request) -> ASGIApp:
        return stream_response(request, SourceResponse(body=silent("waiting"), content_type="text/x"))

    @get(f"{URL}/stream", access="public")
    async def stream() -> Stream:
        return Stream(endless("stream", b"x"), media_type="text/x")

    @get(f"{URL}/mute", access="public")
    async def mute() -> Stream:
        return Stream(silent("mute"))

    @get(f"{URL}/events", access="public")
    async def events() -> ServerSentEvent:
        return ServerSentEvent(endless("events", b"x"))

    @get(f"{URL}/calls", access="public")
    async def calls() -> list[str]:
        return CALLS

    @hookimpl
    def register_routes():
        return [
            value, large, text, empty, gone, refused, broken, plain, pieces, own, own_head, changing, private, relayed, waiting,
            stream, mute, events, calls,
        ]

    async def page(scope, path):
        return JSONResponse(b"page " + path.encode(), content_type=b"text/html")

    @hookimpl
    def register_fallbacks():
        return [Fallback("/page", page)]
"""
URL = "/api/x/head"
A_FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="notes.txt"\r\n\r\nHi\r\n--b--\r\n'
#: They differ between any two requests.
OF_ONE_REQUEST = ("x-request-id", "x-process-time", "date", "set-cookie")
STREAMS = {"relayed": 200, "waiting": 200, "stream": 200, "mute": 200, "events": 200}


@pytest.fixture
def env(env: dict[str, str], install: Callable[..., None], tmp_path: Path) -> dict[str, str]:
    install("head", SOURCE)
    return env | {"PYTHONPATH": str(tmp_path / "site")}


def headers(answer: Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in OF_ONE_REQUEST}


def check(client: Client, path: str, **given: str) -> None:
    """HEAD and GET of this path have the same answer, but for the body."""
    expected = client.get(path, headers=given)
    head = client.request("HEAD", path, headers=given)
    assert (head.status, head.body) == (expected.status, b""), path
    wanted = headers(expected)
    if head.status not in (204, 304):
        # In this process no server adds the length of a body that is sent at once.
        wanted.setdefault("content-length", str(len(expected.body)))
    assert headers(head) == wanted, path


def test_head_has_status_and_headers_of_get_on_every_route(app: InProcessApp) -> None:
    admin = app.client.sign_up("Ada")
    for path in ("value", "large", "text", "empty", "gone", "refused", "broken", "plain", "private", "absent"):  # fmt: skip
        check(admin, f"{URL}/{path}")
    check(app.client, f"{URL}/private")
    check(app.client, "/page/one")
    check(admin, f"{URL}/large", **{"accept-encoding": "gzip"})
    calls = admin.get(f"{URL}/calls").json
    assert calls.count("value") == 2  # GET and HEAD, each once
    form = {"content-type": "multipart/form-data; boundary=b"}
    file = admin.request("POST", "/api/v1/files/", body=A_FILE, headers=form).json
    content = f"/api/v1/files/{file['id']}/content"
    check(admin, content)
    check(admin, content, **{"if-none-match": admin.get(content).headers["etag"]})
    ranged = admin.request("HEAD", content, headers={"range": "bytes=0-0"})
    assert (ranged.status, ranged.headers["content-length"]) == (200, "2")
    own = admin.request("HEAD", f"{URL}/own")
    assert own.status == 200 and "own HEAD" in admin.get(f"{URL}/calls").json
    refused = admin.request("HEAD", f"{URL}/changing")
    assert (refused.status, refused.headers["allow"]) == (405, "OPTIONS, POST")
    assert admin.post(f"{URL}/value").headers["allow"] == "GET, HEAD, OPTIONS"
    allowed = admin.request("OPTIONS", f"{URL}/value").headers["allow"]
    assert allowed == "GET, HEAD, OPTIONS"

    tried = 0
    for route in app.asgi.routes.routes:  # type: ignore[union-attr]
        path = re.sub(r"{[^}]*}", "1", route.path)
        if "GET" in getattr(route, "methods", ()) and not path.startswith(URL):
            check(admin, path)
            tried += 1
    assert tried > 80


def test_head_of_a_stream_ends_at_once_and_keeps_the_connection(server: ServerProcess) -> None:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), 20) as connection:
        reader = connection.makefile("rb")

        def ask(
            path: str, method: bytes = b"HEAD", more: bytes = b""
        ) -> tuple[int, dict[str, str]]:
            connection.sendall(
                b"%b %b HTTP/1.1\r\nhost: x\r\n%b\r\n" % (method, path.encode(), more)
            )
            status = int(reader.readline().split()[1])
            lines = iter(reader.readline, b"\r\n")
            pairs = (line.decode().strip().split(": ", 1) for line in lines)
            return status, {name.lower(): value for name, value in pairs}

        for path, status in (STREAMS | {"pieces": 203}).items():
            found = ask(f"{URL}/{path}")
            assert found[0] == status and "content-length" not in found[1], path
        status, given = ask(f"{URL}/plain")
        assert (status, given["content-length"], given["x-plain"]) == (203, "9", "1")
        status, given = ask(f"{URL}/value")
        assert (status, given["content-length"]) == (200, "7")
        assert ask("/health")[0] == 200
        # A part of a representation is for GET only.
        assert ask(f"{URL}/large", more=b"range: bytes=0-3\r\n")[1]["content-length"] == "600002"
        # What follows a response to HEAD is the next response, not a body.
        status, given = ask(f"{URL}/calls", b"GET")
        calls = reader.read(int(given["content-length"])).decode()
    assert "relayed ended" in calls and "waiting ended" in calls
    assert calls.count("plain sent all") == 1  # not by the one that sends a thousand pieces
