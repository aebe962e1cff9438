"""Errors in plugins: neither the response nor the log reveals secrets."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from portico.testing import Client, InProcessApp, ServerProcess

SECRET = "swordfish-0123456789"
SOURCE = f'''
    import asyncio
    from litestar.params import JSONBody
    from litestar.response import Stream
    from portico.api import Listener, PluginInfo, hookimpl
    from portico.api.auth import AccountDeleting
    from portico.api.db import execute, fetch_all, transaction
    from portico.api.interfaces import ChatChanged
    from portico.api.web import post

    PLUGIN = PluginInfo(api_version=1, summary="Fails.")
    SECRET = "{SECRET}"

    @post("/api/x/broken/route")
    async def route(data: JSONBody[dict]) -> None:
        raise RuntimeError(f"/etc/secret {{SECRET}} {{data}}")

    @post("/api/x/broken/chained")
    async def chained(data: JSONBody[dict]) -> None:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ExceptionGroup(SECRET, [error]) from error

    @post("/api/x/broken/value")
    async def value(data: JSONBody[dict]) -> object:
        return object()

    @post("/api/x/broken/store")
    async def store(data: JSONBody[dict]) -> None:
        await fetch_all(f"SELECT '{{SECRET}}' FROM no_such_table WHERE a = $1", SECRET)

    @post("/api/x/broken/row")
    async def row(data: JSONBody[dict]) -> None:
        async with transaction():
            await execute("INSERT INTO portico_group (id, name) VALUES ($1, $2)", SECRET, None)

    @post("/api/x/broken/text")
    async def text(data: JSONBody[dict]) -> str:
        return SECRET[:0] + chr(0xD800)

    @post("/api/x/broken/stream")
    async def stream(data: JSONBody[dict]) -> Stream:
        async def parts():
            yield b"begun "
            raise RuntimeError(SECRET)
        return Stream(parts())

    @post("/api/x/broken/task")
    async def task(data: JSONBody[dict]) -> str:
        async def fails() -> None:
            raise RuntimeError(SECRET)
        await asyncio.gather(asyncio.create_task(fails()), return_exceptions=True)
        asyncio.create_task(fails())
        await asyncio.sleep(0)
        return "done"

    async def listener(event) -> None:
        raise RuntimeError(SECRET)

    @hookimpl
    def register_routes():
        return [route, chained, value, store, row, text, stream, task]

    @hookimpl
    def register_listeners():
        return [Listener(ChatChanged, listener), Listener(AccountDeleting, listener)]
'''
FAILING_ROUTES = ("route", "chained", "value", "store", "row", "text")
PROMPT = "a confidential prompt"


@pytest.fixture(autouse=True)
def broken(install: Callable[..., None]) -> None:
    install("broken", SOURCE)


@pytest.fixture
def env(env: dict[str, str], tmp_path: Any) -> dict[str, str]:
    site = str(tmp_path / "site")
    return env | {"PORTICO_LOG_FORMAT": "json", "PYTHONPATH": site}


def assert_no_secrets(text: str, *secrets: str) -> None:
    for secret in (SECRET, PROMPT, "no_such_table", "Traceback", *secrets):
        assert secret not in text


@pytest.mark.parametrize("path", FAILING_ROUTES)
@pytest.mark.case("AB-73")
def test_failing_route_reveals_nothing(
    admin: Client, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    answer = admin.post(f"/api/x/broken/{path}", {"prompt": PROMPT})
    assert (answer.status, answer.json) == (500, {"detail": "Internal Server Error"})
    log_text = capsys.readouterr().err
    assert_no_secrets(log_text, str(admin.token))
    events = [json.loads(line) for line in log_text.splitlines()]
    (failed,) = [event for event in events if event["event"] == "request failed"]
    assert failed["request"] == answer.headers["x-request-id"]
    assert failed["plugin"] == "broken"


@pytest.mark.case("AB-73")
def test_failing_listener_changes_no_response(
    admin: Client, app: InProcessApp, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    chat = {"chat": {"title": PROMPT}}
    assert admin.post("/api/v1/chats/new", chat).status == 200
    app.run(app.portico.events.drain)
    log_text = capsys.readouterr().err
    assert_no_secrets(log_text, str(admin.token))
    assert "plugin failed" in log_text


@pytest.mark.both_databases
@pytest.mark.case("AB-73")
def test_failing_transaction_listener_rolls_back(
    admin: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    ben = admin.add_user("Ben")
    capsys.readouterr()
    answer = admin.delete(f"/api/v1/users/{ben.account['id']}")
    assert (answer.status, answer.json) == (500, {"detail": "Internal Server Error"})
    assert ben.get("/api/v1/auths/").status == 200
    assert_no_secrets(capsys.readouterr().err, str(admin.token))


@pytest.mark.case("AB-73")
def test_server_log_reveals_nothing(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")
    for path in (*FAILING_ROUTES, "stream", "task"):
        try:
            answer = ada.post(f"/api/x/broken/{path}", {"prompt": PROMPT})
        except Exception:  # noqa: BLE001 - the client of the stream sees a broken connection
            continue
        assert SECRET.encode() not in answer.body
    assert ada.get("/api/v1/auths/").status == 200
    assert_no_secrets(server.log_text, str(ada.token))
