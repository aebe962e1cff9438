"""People whom a proxy in front has signed in."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from portico.api import INVALID_CRED
from portico.settings.problems import BadSettings
from portico.testing import Answer, Client, House
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
Opened = Callable[..., House]
Pairs = dict[str, str] | list[tuple[str, str]]


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | BEHIND_A_PROXY


@pytest.fixture
def opened(environment: dict[str, str]) -> Iterator[Opened]:
    houses: list[House] = []

    def open_house(**changes: str) -> House:
        houses.append(House(environment | changes))
        return houses[-1]

    yield open_house
    for house in houses:
        house.close()


def come(client: Client, headers: Pairs, body: object = None) -> Answer:
    return client.post("/api/v1/auths/signin", body or {}, headers=headers)


def named(person: str, **more: str) -> dict[str, str]:
    return {"x-forwarded-email": f"{person}@example.org"} | {
        f"x-forwarded-{key}": value for key, value in more.items()
    }


def enter(client: Client, person: str, **more: str) -> Client:
    answer = come(client, named(person, **more))
    assert answer.status == 200, answer
    return Client(client.transport, answer.json["token"], answer.json)


def how_many(house: House) -> int:
    count: int = house.call(house.portico.identity.directory.count)
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


def test_somebody_who_comes_twice_at_once_has_one_account(house: House) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: come(house.client, named("ada")), range(6)))
    assert {answer.status for answer in answers} == {200}
    assert how_many(house) == 1


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
    house: House, headers: list[tuple[str, str]]
) -> None:
    answer = come(house.client, headers)
    assert (answer.status, answer.detail) == (400, NOT_NAMED)
    assert how_many(house) == 0


@pytest.mark.parametrize(
    "address",
    ["ada", "ada@", "@example.org", "ada@example.org, eve@example.org", "ada @example.org", "a\x00@example.org",
     "ada@example.org\x00", "ada@\xe9", "a" * 300 + "@example.org", "ada@example.org\tx", "<ada@example.org>@"],
)  # fmt: skip
def test_AB_18_what_is_no_address_makes_no_account(house: House, address: str) -> None:
    answer = come(house.client, {"x-forwarded-email": address})
    assert answer.status == 400
    assert how_many(house) == 0


def test_AB_18_nobody_but_a_named_proxy_is_believed(opened: Opened) -> None:
    house = opened(PORTICO_TRUSTED_PROXIES="10.0.0.0/8")
    for headers in (named("ada"), named("ada") | {"x-forwarded-for": "10.0.0.1"}):
        answer = come(house.client, headers)
        assert (answer.status, answer.detail) == (400, NOT_NAMED)
    assert how_many(house) == 0


def test_AB_18_where_no_proxy_is_named_none_is_believed(opened: Opened) -> None:
    house = opened(PORTICO_TRUSTED_PROXIES="")
    answer = come(house.client, named("ada"))
    assert (answer.status, answer.detail) == (400, NOT_NAMED)
    assert how_many(house) == 0


def test_AB_18_without_the_setting_the_header_says_nothing(opened: Opened) -> None:
    off = {name: "" for name in BEHIND_A_PROXY if "HEADER" in name}
    house = opened(**off)
    ada = house.client.sign_up("Ada")
    form = {"email": "ada@example.org", "password": "wrong"}
    refused = come(house.client, named("ada"), form)
    assert (refused.status, refused.detail) == (400, INVALID_CRED)
    let_in = come(house.client, named("eve"), form | {"password": PASSWORD})
    assert (let_in.status, let_in.json["id"]) == (200, ada.account["id"])
    assert ada.get("/api/v1/auths/", headers=named("eve")).status == 200
    assert how_many(house) == 1


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


def test_passwords_open_nothing_here_and_nobody_signs_up_with_one(house: House) -> None:
    form = {"name": "Eve", "email": "ada@example.org", "password": "correct horse"}
    assert house.client.post("/api/v1/auths/signup", form, headers=named("eve")).status == 403
    assert house.portico.identity.asks_for_passwords is False
    enter(house.client, "ada")
    assert come(house.client, [], form).status == 400


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
    house = opened(**settings)
    assert come(house.client, named("ada")).status == status
    assert how_many(house) == (status == 200)


def test_by_default_only_the_first_is_a_newcomer(environment: dict[str, str]) -> None:
    del environment["ENABLE_SIGNUP"]
    house = House(environment)
    try:
        ada = enter(house.client, "ada")
        assert come(house.client, named("ben")).status == 403
        form = {
            "name": "Ben",
            "email": "ben@example.org",
            "password": "correct horse",
            "role": "user",
        }
        assert ada.post("/api/v1/auths/add", form).status == 200
        assert come(house.client, named("ben")).status == 200
    finally:
        house.close()


def groups_of(house: House, person: Client) -> set[str]:
    found = house.call(house.portico.identity.directory.groups_of, person.account["id"])
    return {group.name for group in found}


def test_groups_become_exactly_those_that_exist_and_an_administrators_stay(house: House) -> None:
    ada = enter(house.client, "ada")
    for name in ("red", "blue", "Grün"):
        form = {"name": name, "description": ""}
        assert ada.post("/api/v1/groups/create", form).status == 200
    ben = enter(house.client, "ben", groups="red, Gr%C3%BCn,unheard of,,")
    assert groups_of(house, ben) == {"red", "Grün"}
    enter(house.client, "ben", groups="blue")
    assert groups_of(house, ben) == {"blue"}
    for nothing in ({}, {"groups": ""}, {"groups": " , "}):
        enter(house.client, "ben", **nothing)
        assert groups_of(house, ben) == {"blue"}
    enter(house.client, "ada", groups="red")
    assert groups_of(house, ada) == set()


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
    house = opened()
    enter(house.client, "ada")
    before = how_many(house)
    for email in ("ad\u00aa@example.org", "ada\u200b@example.org", "ａda@example.org"):
        answer = come(house.client, {"x-forwarded-email": email.encode().decode("latin-1")})
        assert answer.status == 400, email
    assert how_many(house) == before
