"""Every route × every caller answers as the table in `route_access.txt` says; a route without a line is a fault."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.api_keys import ON
from tests.effort import databases
from tests.ollama_server import OllamaServer
from tests.repository.fixtures import CALLERS, PROVIDER, Scene, ask, options
from tests.upstream import Upstream

from portico.testing import Client, HandshakeRefused, InProcessApp
from portico.web.application import OWN_PATHS

TABLE = Path(__file__).with_name("route_access.txt")

Route = tuple[str, str]


def table() -> dict[Route, tuple[int, ...]]:
    lines = [line.split() for line in TABLE.read_text().splitlines() if line[:1] not in ("", "#")]
    head, *rows = lines
    assert tuple(head[2:]) == CALLERS
    found = {(method, path): tuple(map(int, statuses)) for method, path, *statuses in rows}
    assert len(found) == len(rows), "a route has two lines"
    return found


def routes(app: InProcessApp) -> Iterator[Route]:
    """Every route there is."""
    yield from OWN_PATHS
    for contribution in app.portico.contributions:
        for route in contribution.router.routes if contribution.router else ():
            for method in getattr(route, "methods", ("WEBSOCKET",)):
                if method not in ("OPTIONS", "HEAD"):
                    yield method, route.path_format


@pytest.fixture
def scene(env: dict[str, str], upstream: Upstream, complete_schema: Any) -> Iterator[Scene]:
    with OllamaServer() as ollama:
        given = env | upstream.environment | ollama.environment | ON | PROVIDER
        app = InProcessApp(given, complete_schema)
        yield Scene(app)
        app.close()


#: What administrators are answered on SQLite, where that differs from the table: on PostgreSQL there is no file to download.
ON_SQLITE = {("GET", "/api/v1/utils/db/download"): 200}


def knock(client: Client, method: str, target: str, body: Any) -> tuple[int, bytes]:
    """What a request is answered, or the handshake of a socket: 101 if it opens."""
    if method != "WEBSOCKET":
        answer = client.request(method, target, **options(body))
        return answer.status, answer.body
    try:
        client.websocket(target).close()
    except HandshakeRefused as refused:
        return refused.answer.status, refused.answer.body
    return 101, b""


def test_route_table_has_one_line_for_each_route(app: InProcessApp) -> None:
    assert sorted(routes(app)) == sorted(table())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("database_url", databases(), indirect=True)
def test_route_answers_each_caller_as_the_table_says(scene: Scene, env: dict[str, str]) -> None:
    wrong, exceptions = [], ON_SQLITE if "DATABASE_URL" not in env else {}
    for (method, path), expected in table().items():
        for caller, status in zip(CALLERS, expected, strict=True):
            target, body = ask(scene, method, path)
            client = scene.callers[caller]
            found, said = knock(client, method, target, body)
            if found != (exceptions.get((method, path), status) if caller == "admin" else status):
                told = f"{caller}: {found}, expected {status}: {said[:200]!r}"
                wrong.append(f"{method} {path}  {told}")
            if (method, path) == ("GET", "/api/v1/auths/signout") and client.account:
                scene.callers[caller] = client.sign_in(client.account["name"])
    assert not wrong, "\n".join(wrong)
