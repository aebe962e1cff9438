"""Single-user mode: one account without sign-in, on the user's own machine."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.one_database import on_sqlite

from portico.boot import CannotStart
from portico.testing import Client, CommandLine, InProcessApp, Response, ServerProcess

HERE = {"host": "localhost:8080"}
OPEN = {"WEBUI_AUTH": "false"}
EXISTING_USERS = "You can't turn off authentication because there are existing users."
StartApp = Callable[..., InProcessApp]


@pytest.fixture
def start_app(env: dict[str, str], complete_schema: Any) -> Iterator[StartApp]:
    """`start_app(WEBUI_AUTH="false")` starts an application with these settings and stops the previous one."""
    apps: list[InProcessApp] = []

    def start_app(**changes: str) -> InProcessApp:
        for before in apps:
            before.close()
        apps[:] = [InProcessApp(env | changes, complete_schema)]
        return apps[0]

    yield start_app
    for app in apps:
        app.close()


def sign_in(client: Client, headers: Mapping[str, str] = HERE, body: object = None) -> Response:
    return client.post("/api/v1/auths/signin", {} if body is None else body, headers=headers)


@pytest.mark.parametrize("body", [{}, [], "x", {"email": "", "password": ""}, {"email": 7}])
def test_every_sign_in_is_the_administrators(start_app: StartApp, body: object) -> None:
    client = start_app(**OPEN).client
    answer = sign_in(client, body=body)
    assert answer.status == 200
    session = answer.json
    assert (session["email"], session["name"], session["role"]) == (
        "admin@localhost",
        "User",
        "admin",
    )
    assert sign_in(client).json["id"] == session["id"]
    assert Client(client.transport, session["token"]).get("/api/v1/users/").json["total"] == 1


@pytest.mark.both_databases
def test_concurrent_sign_ins_create_one_account(start_app: StartApp) -> None:
    client = start_app(**OPEN).client
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: sign_in(client), range(6)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["id"] for answer in answers}) == 1


def test_account_has_no_password(start_app: StartApp) -> None:
    sign_in(start_app(**OPEN).client)
    client = start_app().client
    for password in ("admin", "", "password", "User", "admin@localhost"):
        form = {"email": "admin@localhost", "password": password}
        assert client.post("/api/v1/auths/signin", form).status == 400


def test_single_user_mode_is_refused_if_there_are_other_accounts(start_app: StartApp) -> None:
    start_app().client.sign_up("Ada")
    answer = sign_in(start_app(**OPEN).client)
    assert answer.status == 400 and answer.detail.startswith(EXISTING_USERS)
    form = {"email": "ada@example.org", "password": "correct horse battery staple"}
    assert start_app().client.post("/api/v1/auths/signin", form).json["role"] == "admin"


def test_sign_up_is_closed(start_app: StartApp) -> None:
    client = start_app(**OPEN).client
    form = {"name": "Eve", "email": "admin@localhost", "password": "correct horse"}
    assert client.post("/api/v1/auths/signup", form).status == 403
    assert sign_in(client).json["name"] == "User"


@on_sqlite
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "localhost.evil.example"},
        {"host": "127.0.0.1.evil.example:8080"},
        {"host": "192.168.1.7:8080"},
        {"host": "[2001:db8::1]:8080"},
        {"host": "localhost", "sec-fetch-site": "cross-site"},
    ],
)
def test_requests_of_other_sites_and_machines_are_refused(
    start_app: StartApp, headers: dict[str, str]
) -> None:
    assert sign_in(start_app(**OPEN).client, headers).status == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "portico.localhost"])
def test_names_of_the_machine_itself_are_accepted(start_app: StartApp, host: str) -> None:
    assert sign_in(start_app(**OPEN).client, {"host": host}).status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "chat.example.org"])
def test_start_on_a_network_address_is_refused(
    start_app: StartApp, host: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotStart, match="WEBUI_AUTH=false.*PORTICO_SINGLE_USER_ALLOW_REMOTE"):
        start_app(**OPEN, HOST=host, PORTICO_STRICT="false")


def test_allow_remote_permits_a_network_address(start_app: StartApp) -> None:
    client = start_app(**OPEN, HOST="0.0.0.0", PORTICO_SINGLE_USER_ALLOW_REMOTE="true").client
    assert sign_in(client, {"host": "chat.example.org"}).status == 200


def test_empty_form_is_refused_outside_single_user_mode(client: Client) -> None:
    assert sign_in(client, body={"email": "", "password": ""}).status == 400
    assert sign_in(client).status == 422


@pytest.mark.slow
def test_server_prints_why_it_does_not_start(
    env: dict[str, str], tmp_path: Path, cli: CommandLine
) -> None:
    refused = ServerProcess(env | OPEN | {"HOST": "0.0.0.0"}, tmp_path)
    with pytest.raises(RuntimeError, match=r"every user who reaches 0\.0\.0\.0"):
        refused.start()
    assert refused.process is not None
    assert refused.process.returncode not in (0, None)
    refused.kill()
    cli("user", "list", settings=OPEN | {"HOST": "0.0.0.0"})
    server = ServerProcess(env | OPEN, tmp_path).start()
    try:
        assert server.client.post("/api/v1/auths/signin", {}).json["role"] == "admin"
    finally:
        server.kill()
