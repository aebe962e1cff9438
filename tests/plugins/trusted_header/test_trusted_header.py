"""People whom a proxy in front has signed in."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from portico.api import INVALID_CRED
from portico.settings.problems import BadSettings
from portico.testing import Client, InProcessApp, Response
from portico.testing.client import PASSWORD

NOT_NAMED = "Your provider has not provided a trusted header. Please contact your administrator for assistance."
MISMATCH = "User mismatch. Please sign in again."
#: The kit's requests come from 127.0.0.1.
BEHIND_A_PROXY = {
    "WEBUI_AUTH_TRUSTED_EMAIL_HEADER": "X-Forwarded-Email",
    "WEBUI_AUTH_TRUSTED_NAME_HEADER": "X-Forwarded-Name",
    "WEBUI_AUTH_TRUSTED_GROUPS_HEADER": "X-Forwarded-Groups",
    "PORTICO_TRUSTED_PROXIES": "127.0.0.1",
}
Opened = Callable[..., InProcessApp]
Pairs = dict[str, str] | list[tuple[str, str]]


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | BEHIND_A_PROXY


@pytest.fixture
def opened(env: dict[str, str]) -> Iterator[Opened]:
    apps: list[InProcessApp] = []

    def open_house(**changes: str) -> InProcessApp:
        apps.append(InProcessApp(env | changes))
        return apps[-1]

    yield open_house
    for app in apps:
        app.close()


def come(client: Client, headers: Pairs, body: object = None) -> Response:
    return client.post("/api/v1/auths/signin", body or {}, headers=headers)


def named(person: str, **more: str) -> dict[str, str]:
    return {"x-forwarded-email": f"{person}@example.org"} | {
        f"x-forwarded-{key}": value for key, value in more.items()
    }


def enter(client: Client, person: str, **more: str) -> Client:
    answer = come(client, named(person, **more))
    assert answer.status == 200, answer
    return Client(client.transport, answer.json["token"], answer.json)


def how_many(app: InProcessApp) -> int:
    count: int = app.call(app.portico.identity.accounts.count)
    return count


def test_whoever_the_proxy_names_is_signed_in_and_the_first_is_the_administrator(
    client: Client,
) -> None:
    ada = come(client, named("Ada", name="Ada L%C3%B6velace")).json
    assert (ada["email"], ada["name"], ada["role"]) == ("ada@example.org", "Ada Lövelace", "admin")
    ben = come(client, named("ben"), {"email": "ada@example.org", "password": "anything"}).json
    assert (ben["email"], ben["name"], ben["role"]) == (
        "ben@example.org",
        "ben@example.org",
        "user",
    )
    assert come(client, named("ADA")).json["id"] == ada["id"]


def test_somebody_who_comes_twice_at_once_has_one_account(app: InProcessApp) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: come(app.client, named("ada")), range(6)))
    assert {answer.status for answer in answers} == {200}
    assert how_many(app) == 1


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("x-forwarded-email", "")],
        [("x-forwarded-email", "   ")],
        [("x-forwarded-email", "ada@example.org"), ("x-forwarded-email", "eve@example.org")],
        [("x-forwarded-email", "ada@example.org"), ("X-Forwarded-Email", "ada@example.org")],
        [("x_forwarded_email", "ada@example.org")],
        [("x-forwarded_email", "ada@example.org")],
        [("x-forwarded-email", "ada@example.org"), ("x-forwarded-name", "A"), ("x-forwarded-name", "B")],
        [("x-forwarded-email", "ada@example.org"), ("x-forwarded-groups", "a"), ("x-forwarded-groups", "b")],
        [("x-forwarded-name", "Ada"), ("x-forwarded-groups", "staff")],
    ],
)  # fmt: skip
def test_AB_18_what_is_not_said_once_and_for_all_names_nobody(
    app: InProcessApp, headers: list[tuple[str, str]]
) -> None:
    answer = come(app.client, headers)
    assert (answer.status, answer.detail) == (400, NOT_NAMED)
    assert how_many(app) == 0


@pytest.mark.parametrize(
    "address",
    ["ada", "ada@", "@example.org", "ada@example.org, eve@example.org", "ada @example.org", "a\x00@example.org",
     "ada@example.org\x00", "ada@\xe9", "a" * 300 + "@example.org", "ada@example.org\tx", "<ada@example.org>@"],
)  # fmt: skip
def test_AB_18_what_is_no_address_makes_no_account(app: InProcessApp, address: str) -> None:
    answer = come(app.client, {"x-forwarded-email": address})
    assert answer.status == 400
    assert how_many(app) == 0


def test_AB_18_nobody_but_a_named_proxy_is_believed(opened: Opened) -> None:
    app = opened(PORTICO_TRUSTED_PROXIES="10.0.0.0/8")
    for headers in (named("ada"), named("ada") | {"x-forwarded-for": "10.0.0.1"}):
        answer = come(app.client, headers)
        assert (answer.status, answer.detail) == (400, NOT_NAMED)
    assert how_many(app) == 0


def test_AB_18_where_no_proxy_is_named_none_is_believed(opened: Opened) -> None:
    app = opened(PORTICO_TRUSTED_PROXIES="")
    answer = come(app.client, named("ada"))
    assert (answer.status, answer.detail) == (400, NOT_NAMED)
    assert how_many(app) == 0


def test_AB_18_without_the_setting_the_header_says_nothing(opened: Opened) -> None:
    off = {name: "" for name in BEHIND_A_PROXY if "HEADER" in name}
    app = opened(**off)
    ada = app.client.sign_up("Ada")
    form = {"email": "ada@example.org", "password": "wrong"}
    refused = come(app.client, named("ada"), form)
    assert (refused.status, refused.detail) == (400, INVALID_CRED)
    let_in = come(app.client, named("eve"), form | {"password": PASSWORD})
    assert (let_in.status, let_in.json["id"]) == (200, ada.account["id"])
    assert ada.get("/api/v1/auths/", headers=named("eve")).status == 200
    assert how_many(app) == 1


def test_AB_18_somebody_elses_name_ends_nobodys_session_but_does_not_go_through(
    client: Client,
) -> None:
    ada = enter(client, "ada")
    for headers in (
        named("eve"),
        [("x-forwarded-email", "ada@example.org"), ("x-forwarded-email", "eve@example.org")],
        {"x-forwarded-email": ""},
    ):
        answer = ada.get("/api/v1/auths/", headers=headers)
        assert (answer.status, answer.detail) == (401, MISMATCH)
    assert ada.get("/api/v1/auths/", headers=named("ADA")).status == 200
    assert ada.get("/api/v1/auths/").status == 200


def test_AB_18_a_public_route_does_not_believe_the_session_of_another_user(client: Client) -> None:
    ada = enter(client, "ada")
    anonymous = client.get("/api/config").json
    assert "permissions" not in anonymous
    assert "permissions" in ada.get("/api/config", headers=named("ada")).json
    assert ada.get("/api/config", headers=named("eve")).json == anonymous


def test_passwords_open_nothing_here_and_nobody_signs_up_with_one(app: InProcessApp) -> None:
    form = {"name": "Eve", "email": "ada@example.org", "password": "correct horse"}
    assert app.client.post("/api/v1/auths/signup", form, headers=named("eve")).status == 403
    assert app.portico.identity.auth.uses_passwords is False
    enter(app.client, "ada")
    assert come(app.client, [], form).status == 400


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"ENABLE_SIGNUP": "false"}, 403),
        ({"ENABLE_SIGNUP": "false", "PORTICO_TRUSTED_HEADER_NEWCOMERS": "true"}, 200),
        ({"PORTICO_TRUSTED_HEADER_NEWCOMERS": "false"}, 403),
    ],
)
def test_newcomers_are_let_in_as_the_operator_says(
    opened: Opened, settings: dict[str, str], status: int
) -> None:
    app = opened(**settings)
    assert come(app.client, named("ada")).status == status
    assert how_many(app) == (status == 200)


def test_by_default_only_the_first_is_a_newcomer(env: dict[str, str]) -> None:
    del env["ENABLE_SIGNUP"]
    app = InProcessApp(env)
    try:
        ada = enter(app.client, "ada")
        assert come(app.client, named("ben")).status == 403
        form = {
            "name": "Ben",
            "email": "ben@example.org",
            "password": "correct horse",
            "role": "user",
        }
        assert ada.post("/api/v1/auths/add", form).status == 200
        assert come(app.client, named("ben")).status == 200
    finally:
        app.close()


def groups_of(app: InProcessApp, person: Client) -> set[str]:
    found = app.call(app.portico.identity.groups.of_account, person.account["id"])
    return {group.name for group in found}


def test_groups_become_exactly_those_that_exist_and_an_administrators_stay(
    app: InProcessApp,
) -> None:
    ada = enter(app.client, "ada")
    for name in ("red", "blue", "Grün"):
        form = {"name": name, "description": ""}
        assert ada.post("/api/v1/groups/create", form).status == 200
    ben = enter(app.client, "ben", groups="red, Gr%C3%BCn,unheard of,,")
    assert groups_of(app, ben) == {"red", "Grün"}
    enter(app.client, "ben", groups="blue")
    assert groups_of(app, ben) == {"blue"}
    for nothing in ({}, {"groups": ""}, {"groups": " , "}):
        enter(app.client, "ben", **nothing)
        assert groups_of(app, ben) == {"blue"}
    enter(app.client, "ada", groups="red")
    assert groups_of(app, ada) == set()


def test_AB_79_nothing_a_proxy_sends_makes_an_administrator(client: Client) -> None:
    enter(client, "ada")
    eve = come(client, named("eve", groups="admin,Admin", role="admin"), {"role": "admin"}).json
    assert eve["role"] == "user"


@pytest.mark.parametrize(
    "change",
    [
        {"WEBUI_AUTH_TRUSTED_EMAIL_HEADER": "X_Email"},
        {"WEBUI_AUTH_TRUSTED_EMAIL_HEADER": "Authorization"},
        {"WEBUI_AUTH_TRUSTED_EMAIL_HEADER": "x email"},
        {"WEBUI_AUTH_TRUSTED_NAME_HEADER": "x-forwarded-email"},
        {"WEBUI_AUTH_TRUSTED_EMAIL_HEADER": ""},
    ],
)
def test_a_header_that_cannot_be_trusted_keeps_the_house_closed(
    opened: Opened, change: dict[str, str]
) -> None:
    with pytest.raises(BadSettings, match="header|HEADER"):
        opened(**change)


def test_AB_18_an_address_that_only_looks_like_another_is_not_that_account(opened: Opened) -> None:
    app = opened()
    enter(app.client, "ada")
    before = how_many(app)
    for email in ("ad\u00aa@example.org", "ada\u200b@example.org", "ａda@example.org"):
        answer = come(app.client, {"x-forwarded-email": email.encode().decode("latin-1")})
        assert answer.status == 400, email
    assert how_many(app) == before
