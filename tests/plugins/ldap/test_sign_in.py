"""Signing in with the password of a directory, as a client sees it."""

from typing import Any

import pytest
from tests.plugins.ldap.conftest import Place

from portico.testing import Client, InProcessApp, Response

INVALID_CRED = (
    "The email or password provided is incorrect. Please check for typos and try logging in again."
)
FAILED = "LDAP authentication failed."


WRONG: list[tuple[str, str]] = [
    ("ada", "wrong"), ("ada", ""), ("ada", " "),
    ("nobody", "ada-secret"), ("nobody", ""), ("", "ada-secret"), ("", ""), ("*", "ada-secret"), ("a*", "ada-secret"),
    ("*)(uid=*", "ada-secret"), ("*)(uid=*))(|(uid=*", "ada-secret"), ("ada)(userPassword=*", "ada-secret"),
    ("ada)(&", "ada-secret"), (r"\61da", "ada-secret"), ("ada\x00)(uid=*", "ada-secret"),
    (" ada", "ada-secret"), ("ada ", "ada-secret"), ("ad\u00ada", "ada-secret"), ("ａｄａ", "ada-secret"),
    ("uid=ada,ou=people,dc=example,dc=org", "ada-secret"), ("ada@example.org", "ada-secret"),
    ("twin", "twin-secret"), ("portico", "app-secret"), ("a" * 10_000, "x"), ("ada", "x" * 10_000),
    ("nomail", "wrong"),
]  # fmt: skip


def sign_in(client: Client, user: Any = "ada", password: Any = None) -> Response:
    password = f"{user}-secret" if password is None else password
    return client.post("/api/v1/auths/ldap", {"user": user, "password": password})


def enter(client: Client, user: str, password: str | None = None) -> Client:
    answer = sign_in(client, user, password)
    assert answer.status == 200, answer
    return Client(client.transport, answer.json["token"], answer.json)


def groups_of(app: InProcessApp, person: Client) -> set[str]:
    found = app.call(app.portico.identity.groups.of_account, person.account["id"])
    return {group.name for group in found}


def count(app: InProcessApp) -> int:
    found: int = app.call(app.portico.identity.accounts.count)
    return found


def test_people_of_the_directory_come_in_and_the_first_is_the_administrator(
    opened: Any, directory: Place
) -> None:
    client = opened(directory.settings()).client
    answer = sign_in(client)
    assert answer.status == 200, answer
    told = answer.json
    assert (told["email"], told["name"], told["role"]) == (
        "ada@example.org",
        "Ada Lövelace",
        "admin",
    )
    assert answer.headers["set-cookie"].startswith(f"token={told['token']};")
    ben = enter(client, "BEN", "ben-secret")
    assert (ben.account["role"], ben.get("/api/v1/auths/").status) == ("user", 200)
    assert enter(client, "ben").account["id"] == ben.account["id"]
    odd = "o*(b)\\"
    assert enter(client, odd, "odd-secret").account["email"] == "odd@example.org"


def test_any_wrong_pair_is_answered_alike(opened: Any, directory: Place) -> None:
    app = opened(directory.settings())
    for user, password in WRONG:
        answer = sign_in(app.client, user, password)
        assert (answer.status, answer.detail) == (400, INVALID_CRED), (user[:30], password[:30])
        assert "set-cookie" not in answer.headers
    assert count(app) == 0


@pytest.mark.parametrize("body", [{}, {"user": "ada"}, {"user": 1, "password": "x"}, [], "x"])
def test_a_body_of_a_wrong_shape_is_answered_without_repeating_it(
    client: Client, body: Any
) -> None:
    answer = client.post("/api/v1/auths/ldap", body)
    assert answer.status == 422
    assert all(set(fault) == {"type", "loc", "msg"} for fault in answer.detail)


def test_somebody_without_an_address_has_no_account(opened: Any, directory: Place) -> None:
    app = opened(directory.settings())
    answer = sign_in(app.client, "nomail")
    assert (answer.status, answer.detail) == (400, FAILED)
    assert count(app) == 0


def test_a_filter_of_the_operator_keeps_others_out(opened: Any, directory: Place) -> None:
    client = opened(
        directory.settings(LDAP_SEARCH_FILTER="(employeeType=staff)(!(uid=ben))")
    ).client
    assert sign_in(client, "ada").status == 200
    assert sign_in(client, "ben").status == 400
    assert sign_in(client, "eve").status == 400


@pytest.mark.parametrize("tls", ["whole", "start", "none"])
def test_the_directory_is_spoken_to_as_the_operator_says(
    opened: Any, directory: Place, tls: str
) -> None:
    how = {
        "whole": {},
        "start": {"LDAP_SERVER_PORT": str(directory.plain), "PORTICO_LDAP_START_TLS": "true"},
        "none": {"LDAP_SERVER_PORT": str(directory.plain), "LDAP_USE_TLS": "false"},
    }[tls]
    assert sign_in(opened(directory.settings(**how)).client).status == 200


def test_somebody_is_the_same_although_their_address_changes(opened: Any, directory: Place) -> None:
    before = enter(opened(directory.settings()).client, "ada")
    renamed = directory.settings(LDAP_ATTRIBUTE_FOR_MAIL="labeledURI")
    after = enter(opened(renamed).client, "ada")
    assert after.account["id"] == before.account["id"]
    assert after.account["email"] == "ada@example.org"


def test_without_a_lasting_name_the_name_of_the_entry_is_it(opened: Any, directory: Place) -> None:
    nameless = {"PORTICO_LDAP_ATTRIBUTE_FOR_ID": "roomNumber"}
    before = enter(opened(directory.settings(**nameless)).client, "ada")
    nameless["LDAP_ATTRIBUTE_FOR_MAIL"] = "labeledURI"
    after = enter(opened(directory.settings(**nameless)).client, "ada")
    assert after.account["id"] == before.account["id"]


@pytest.mark.parametrize(
    ("merge", "who", "status"),
    [
        (None, "ben", 200),
        (None, "ada", 400),
        ("non_admins", "ada", 400),
        ("always", "ada", 200),
        ("never", "ben", 400),
    ],
)
def test_AB_76_an_account_of_the_same_address_is_given_as_the_operator_says(
    opened: Any, pure: Place, merge: str | None, who: str, status: int
) -> None:
    settings = pure.settings(**({"PORTICO_LDAP_MERGE": merge} if merge else {}))
    client = opened(settings).client
    people = {"ada": client.sign_up("Ada")}
    people["ben"] = people["ada"].add_user("Ben")
    answer = sign_in(client, who)
    assert answer.status == status
    if status == 200:
        assert answer.json["id"] == people[who].account["id"]
    else:
        assert "already registered" in answer.detail


def test_newcomers_are_refused_where_there_shall_be_none_but_the_first(
    opened: Any, pure: Place
) -> None:
    client = opened(pure.settings(PORTICO_LDAP_NEWCOMERS="false")).client
    assert sign_in(client, "ada").json["role"] == "admin"
    assert sign_in(client, "ben").status == 403


def test_groups_become_those_of_the_directory(opened: Any, directory: Place) -> None:
    settings = directory.settings(ENABLE_LDAP_GROUP_MANAGEMENT="true")
    app = opened(settings)
    app.client.sign_up("Root")
    assert groups_of(app, enter(app.client, "ada")) == set()
    app = opened(settings | {"ENABLE_LDAP_GROUP_CREATION": "true"})
    assert groups_of(app, enter(app.client, "ada")) == {"staff", 'Night, "late" + early'}
    app = opened(directory.settings())
    ben = enter(app.client, "ben")
    assert groups_of(app, ben) == set()
    assert groups_of(app, enter(app.client, "ada")) == {"staff", 'Night, "late" + early'}


STAFF = "cn=staff,ou=groups,dc=example,dc=org"


@pytest.mark.parametrize(
    ("named", "admins"),
    [
        ("", set()),
        (STAFF, {"ada", "ben"}),
        ("CN=staff, OU=Groups, dc=EXAMPLE,dc=org", {"ada", "ben"}),
        ("cn=staff", set()),
        ("ou=not a group,dc=example,dc=org", {"ada"}),
        ("staff", {"ada", "ben", "eve"}),
        ("staf", set()),
        ("STAFF", set()),
        ("admin;nobody", set()),
    ],
)
def test_AB_79_only_groups_that_the_operator_named_make_administrators(
    opened: Any, pure: Place, named: str, admins: set[str]
) -> None:
    app = opened(pure.settings(PORTICO_LDAP_ADMIN_GROUPS=named))
    app.client.sign_up("Root")
    roles = {who: enter(app.client, who).account["role"] for who in ("ada", "ben", "eve")}
    assert {who for who, role in roles.items() if role == "admin"} == admins


def test_whoever_left_the_administrators_group_is_none_any_more(opened: Any, pure: Place) -> None:
    app = opened(pure.settings(PORTICO_LDAP_ADMIN_GROUPS=STAFF))
    app.client.sign_up("Root")
    ada = enter(app.client, "ada")
    assert ada.account["role"] == "admin"
    app = opened(pure.settings(PORTICO_LDAP_ADMIN_GROUPS="another"))
    assert enter(app.client, "ada").account["role"] == "user"
    app = opened(pure.settings())
    assert enter(app.client, "ada").account["role"] == "user"


def test_AB_16_a_newcomer_who_is_pending_can_do_nothing(opened: Any, pure: Place) -> None:
    client = opened(pure.settings(DEFAULT_USER_ROLE="pending")).client
    enter(client, "ada")
    ben = enter(client, "ben")
    assert ben.account["role"] == "pending"
    assert ben.get("/api/v1/chats/").status == 403


def test_the_link_is_in_the_audit_trail(opened: Any, pure: Place) -> None:
    client = opened(pure.settings()).client
    ada = enter(client, "ada")
    entries = ada.get("/api/v1/audit?what=account.linked").json
    told = str(entries)
    assert ada.account["id"] in told and "'ldap'" in told


def test_the_directory_is_off_until_it_is_named(client: Client) -> None:
    answer = sign_in(client)
    assert (answer.status, answer.detail) == (400, "LDAP authentication is not enabled")


def test_without_passwords_the_door_stays_shut(opened: Any, pure: Place) -> None:
    answer = sign_in(opened(pure.settings(ENABLE_PASSWORD_AUTH="false")).client)
    assert (answer.status, answer.detail) == (
        403,
        "The requested action has been restricted as a security measure.",
    )
