"""A house without sign-in: one person, at their own machine."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portico.boot import CannotStart
from portico.testing import Client, CommandLine, InProcessApp, Response, Server

HERE = {"host": "localhost:8080"}
OPEN = {"WEBUI_AUTH": "false"}
EXISTING_USERS = "You can't turn off authentication because there are existing users."
Opened = Callable[..., InProcessApp]


@pytest.fixture
def opened(env: dict[str, str]) -> Iterator[Opened]:
    """`opened(WEBUI_AUTH="false")`: the house of this test, with other settings; the one before is closed."""
    apps: list[InProcessApp] = []

    def open_house(**changes: str) -> InProcessApp:
        for before in apps:
            before.close()
        apps[:] = [InProcessApp(env | changes)]
        return apps[0]

    yield open_house
    for app in apps:
        app.close()


def come(client: Client, headers: Mapping[str, str] = HERE, body: object = None) -> Response:
    return client.post("/api/v1/auths/signin", {} if body is None else body, headers=headers)


@pytest.mark.parametrize("body", [{}, [], "x", {"email": "", "password": ""}, {"email": 7}])
def test_whoever_comes_is_the_administrator_whatever_they_send(
    opened: Opened, body: object
) -> None:
    client = opened(**OPEN).client
    answer = come(client, body=body)
    assert answer.status == 200
    told = answer.json
    assert (told["email"], told["name"], told["role"]) == ("admin@localhost", "User", "admin")
    assert come(client).json["id"] == told["id"]
    assert Client(client.transport, told["token"]).get("/api/v1/users/").json["total"] == 1


def test_windows_that_open_at_the_same_time_are_one_person(opened: Opened) -> None:
    client = opened(**OPEN).client
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: come(client), range(6)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["id"] for answer in answers}) == 1


def test_the_account_has_no_password_that_opens_it_later(opened: Opened) -> None:
    come(opened(**OPEN).client)
    client = opened().client
    for password in ("admin", "", "password", "User", "admin@localhost"):
        form = {"email": "admin@localhost", "password": password}
        assert client.post("/api/v1/auths/signin", form).status == 400


def test_where_others_have_accounts_the_sign_in_cannot_be_turned_off(opened: Opened) -> None:
    opened().client.sign_up("Ada")
    answer = come(opened(**OPEN).client)
    assert answer.status == 400 and answer.detail.startswith(EXISTING_USERS)
    form = {"email": "ada@example.org", "password": "correct horse battery staple"}
    assert opened().client.post("/api/v1/auths/signin", form).json["role"] == "admin"


def test_nobody_signs_up(opened: Opened) -> None:
    client = opened(**OPEN).client
    form = {"name": "Eve", "email": "admin@localhost", "password": "correct horse"}
    assert client.post("/api/v1/auths/signup", form).status == 403
    assert come(client).json["name"] == "User"


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
def test_a_page_of_another_site_is_not_let_in_by_somebodys_browser(
    opened: Opened, headers: dict[str, str]
) -> None:
    assert come(opened(**OPEN).client, headers).status == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "portico.localhost"])
def test_the_names_of_the_machine_itself_are_its_own(opened: Opened, host: str) -> None:
    assert come(opened(**OPEN).client, {"host": host}).status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "chat.example.org"])
def test_the_house_does_not_open_to_a_network_without_sign_in(
    opened: Opened, host: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotStart, match="WEBUI_AUTH=false.*PORTICO_SINGLE_USER_ALLOW_REMOTE"):
        opened(**OPEN, HOST=host, PORTICO_STRICT="false")


def test_the_operator_may_want_it_all_the_same(opened: Opened) -> None:
    client = opened(**OPEN, HOST="0.0.0.0", PORTICO_SINGLE_USER_ALLOW_REMOTE="true").client
    assert come(client, {"host": "chat.example.org"}).status == 200


def test_with_sign_in_an_empty_form_opens_nothing(client: Client) -> None:
    assert come(client, body={"email": "", "password": ""}).status == 400
    assert come(client).status == 422


@pytest.mark.slow
def test_the_server_says_why_it_does_not_start(
    env: dict[str, str], tmp_path: Path, cli: CommandLine
) -> None:
    said = cli("serve", "--port", "0", code=None, settings=OPEN | {"HOST": "0.0.0.0"})
    assert said.returncode not in (0, None)
    assert "everybody who reaches 0.0.0.0" in said.stdout + said.stderr
    cli("user", "list", settings=OPEN | {"HOST": "0.0.0.0"})
    server = Server(env | OPEN, tmp_path).start()
    try:
        assert server.client.post("/api/v1/auths/signin", {}).json["role"] == "admin"
    finally:
        server.kill()
