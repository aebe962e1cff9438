"""Hostile request bodies: their cost, and texts with unpaired surrogates."""

import asyncio
import json
import re
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.upstream import Upstream

from portico.errors import Unavailable
from portico.testing import Client, InProcessApp
from portico.web.errors import domain_error_response
from portico.web.request.body_budget import (
    HELD_BODY,
    BodyBudget,
    HeldBody,
    drop_body,
    release_body,
)

COMPLETIONS = "/api/chat/completions"
MESSAGES = rb'"messages":[{"role":"user","content":"hi"}]'


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    """One provider, whose models all users may use."""
    return env | upstream.environment


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        (rb'"stop":"\ud800"', {"stop": "\ufffd"}),
        (rb'"stop":["\udc00","\u0000x"]', {"stop": ["\ufffd", "x"]}),
        (rb'"user":"a\ud83d"', {"user": "a\ufffd"}),
        (
            rb'"tools":[{"type":"function","function":{"name":"\ud83d"}}]',
            {"tools": [{"type": "function", "function": {"name": "\ufffd"}}]},
        ),
        (rb'"\ud83d":1', {"\ufffd": 1}),
        (rb'"x\u0000":1', {"x": 1}),
        (rb'"metadata":{"a":"\udfff"}', {}),
        (rb'"chat_id":null,"session_id":"\u0000"', {}),
        (rb'"params":{"stop":["\ud83d\ud83d\ude00"]}', {"stop": ["\ufffd\U0001f600"]}),
        (rb'"variables":{"{{X}}":"\ud83d"}', {}),
    ],
)
def test_unpaired_surrogate_in_completion_is_replaced(
    admin: Client, upstream: Upstream, field: bytes, sent: dict[str, Any]
) -> None:
    body = b'{"model":"good",' + field + b"," + MESSAGES + b"}"

    assert admin.post(COMPLETIONS, body=body).status == 200

    received = upstream.completions()[-1].json
    assert {key: received.get(key) for key in sent} == sent


def test_surrogate_and_nul_in_message_are_sanitized(user: Client, upstream: Upstream) -> None:
    body = rb'{"model":"good","messages":[{"role":"user","content":"Trip \ud83d\u0000 \\ud83d"}]}'

    assert user.post(COMPLETIONS, body=body).status == 200

    (message,) = upstream.completions()[-1].json["messages"]
    assert message["content"] == "Trip \ufffd \\ud83d"


def test_unpaired_surrogate_in_model_id_is_404(user: Client) -> None:
    body = b'{"model":"\\ud83d",' + MESSAGES + b"}"
    assert user.post(COMPLETIONS, body=body).status == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/v1/groups/create", rb'{"name":"N\ud83d\u0000","description":""}', ("name",)),
        ("/api/v1/folders/", rb'{"name":"N\ud83d\u0000"}', ("name",)),
        ("/api/v1/users/user/settings/update", rb'{"ui":{"a":"N\ud83d\u0000"}}', ("ui", "a")),
        ("/api/v1/users/user/info/update", rb'{"a":"N\ud83d\u0000"}', ("a",)),
        (
            "/api/v1/auths/update/profile",
            rb'{"name":"N\ud83d\u0000","profile_image_url":"/user.png"}',
            ("name",),
        ),
        (
            "/api/v1/models/create",
            rb'{"id":"m","name":"N\ud83d\u0000","base_model_id":"good","meta":{},"params":{}}',
            ("name",),
        ),
        (
            "/api/v1/models/templates/create",
            rb'{"name":"N\ud83d\u0000","meta":{},"params":{}}',
            ("name",),
        ),
        (
            "/api/v1/auths/signup",
            rb'{"name":"N\ud83d\u0000","email":"n@example.org","password":"correct horse battery"}',
            ("name",),
        ),
    ],
)
def test_unpaired_surrogate_is_replaced_in_all_stored_texts(
    admin: Client, path: str, body: bytes, field: tuple[str, ...]
) -> None:
    answer = admin.post(path, body=body)

    assert answer.status == 200, answer.body
    found = json.loads(answer.body)
    for step in field:
        found = found[step]
    assert found == "N\ufffd"


def routes_before_sign_in(app: InProcessApp) -> list[tuple[str, str]]:
    """Return methods and paths of all public routes that accept a body."""
    assert app.asgi.routes is not None
    return [
        (method, re.sub(r"\{[^}]*\}", "x", route.path))
        for route in app.asgi.routes.routes
        for handler in getattr(route, "route_handlers", ())
        if handler.opt.get("access") == "public"
        for method in sorted(handler.http_methods)
        if method not in ("GET", "HEAD", "OPTIONS")
    ]


@pytest.mark.case("AB-68")
def test_public_routes_accept_64_kib(app: InProcessApp, client: Client) -> None:
    found = routes_before_sign_in(app)
    assert {path for _, path in found} >= {"/api/v1/auths/signin", "/api/v1/auths/signup"}
    for method, path in found:
        answer = client.request(method, path, body=b"{" + b" " * 64 * 1024)
        # A plugin that is switched off answers without reading the body.
        assert answer.status in (404, 413), path


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[" * 50_000, "json_depth"),
        (b'{"email":' + b"[" * 200 + b"]" * 200 + b"}", "json_depth"),
        (b'{"email":"' + b"\xc3(" + b'"}', "json_invalid"),
    ],
)
@pytest.mark.case("AB-69")
def test_hostile_json_on_public_route_is_422(client: Client, body: bytes, kind: str) -> None:
    answer = client.post("/api/v1/auths/signin", body=body)
    assert (answer.status, answer.detail[0]["type"]) == (422, kind)


@pytest.mark.case("AB-69")
def test_a_million_keys_are_refused(user: Client) -> None:
    body = (
        b'{"model":"good",' + MESSAGES + b"".join(b',"k%d":1' % i for i in range(1_000_000)) + b"}"
    )
    for path in (COMPLETIONS, "/api/v1/users/user/settings/update", "/api/v1/folders/"):
        answer = user.post(path, body=body)
        assert answer.status in (413, 422), path


class Sender:
    """A request to an application in this process whose body is sent piece by piece."""

    def __init__(self, app: InProcessApp, caller: Client, path: str, size: int) -> None:
        self._app, self._pieces, self._answer = app, asyncio.Queue[Any](), asyncio.Future[int]()
        headers = [(b"host", b"x"), (b"content-type", b"application/json")]
        headers += [(b"authorization", f"Bearer {caller.token}".encode())]
        headers += [(b"content-length", b"%d" % size)]
        self._scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
            "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("x", 80), "state": {},
        }  # fmt: skip
        self._task = asyncio.ensure_future(app.asgi(self._scope, self._pieces.get, self._send))

    async def send(self, body: bytes, *, more: bool = True) -> None:
        """Send a piece, and wait until it is counted or the request is answered."""
        self._pieces.put_nowait({"type": "http.request", "body": body, "more_body": more})
        while not self._pieces.empty() and not self._answer.done():
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)

    async def disconnect(self) -> None:
        """Disconnect, and wait until the application has noticed."""
        self._pieces.put_nowait({"type": "http.disconnect"})
        await self._task

    async def status(self) -> int:
        """Wait for the status of the response."""
        return await asyncio.wait_for(asyncio.shield(self._answer), 20)

    @property
    def is_answered(self) -> bool:
        return self._answer.done()

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._answer.set_result(message["status"])


MIB = 1024 * 1024


class TestBodiesInFlight:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        """A budget of eight megabytes for all bodies."""
        return env | {"PORTICO_SERVER_MAX_TOTAL_BODY_BYTES": str(8 * MIB)}

    def test_bodies_are_limited_in_total_and_per_caller(
        self, app: InProcessApp, admin: Client, user: Client
    ) -> None:
        eve = admin.add_user("Eve")

        async def run() -> None:
            first = Sender(app, user, COMPLETIONS, 32 * MIB)
            await first.send(b" " * 3 * MIB)
            second = Sender(app, user, COMPLETIONS, 32 * MIB)
            await second.send(b" " * 2 * MIB)
            assert await second.status() == 503  # one caller has half of the budget
            third = Sender(app, eve, COMPLETIONS, 32 * MIB)
            await third.send(b" " * 3 * MIB)
            assert not third.is_answered
            fourth = Sender(app, admin, COMPLETIONS, 32 * MIB)
            await fourth.send(b" " * MIB)
            assert await fourth.status() == 503  # the rest is for small bodies
            small = Sender(app, admin, "/api/v1/users/user/info/update", 11)
            await small.send(b'{"a":"12"}', more=False)
            assert await small.status() == 200
            await first.disconnect()
            again = Sender(app, admin, COMPLETIONS, 32 * MIB)
            await again.send(b" " * MIB)
            assert not again.is_answered
            for sender in (third, again):
                await sender.disconnect()
                assert await sender.status() == 400
            assert app.asgi.routes is not None
            assert app.asgi.routes.state.bodies.held_bytes == 0

        app.run(run)

    def test_single_large_body_is_accepted(self, user: Client) -> None:
        body = b'{"model":"good",' + MESSAGES + b"}" + b" " * 10 * MIB
        assert user.post(COMPLETIONS, body=body).status == 200

    def test_503_has_retry_after(self, app: InProcessApp, user: Client) -> None:
        async def run() -> Any:
            budget = BodyBudget(4 * MIB)
            for caller in ("a", "b"):
                HeldBody(budget, caller).take(MIB)
            HeldBody(budget, "c").take(2 * MIB)

        with pytest.raises(Unavailable) as refused:
            app.run(run)
        assert dict(domain_error_response(refused.value).headers)[b"retry-after"]


def test_dropped_body_is_freed_at_once_and_counted_until_the_response() -> None:
    budget = BodyBudget(1_000_000)
    held = HeldBody(budget, "ann")
    held.take(500_000)
    held.data = held.value = bytes(500_000)
    scope = {HELD_BODY: held}
    drop_body(scope)
    assert not held.data and held.value is None
    assert budget.held_bytes == 500_000
    release_body(scope)
    assert budget.held_bytes == 0
    drop_body({})  # a request without a body
