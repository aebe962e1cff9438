"""Signing in with the password of a ldap_server, as a client sees it."""

from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.ldap.conftest import LdapTestServer

from portico.testing import Client, InProcessApp, Response

INVALID_CRED = (
    "The email or password provided is incorrect. Please check for typos and try logging in again."
)
FAILED = "LDAP authentication failed."


WRONG: list[tuple[str, str]] = [
    ("ada", "wrong"), ("ada", ""), ("ada", " "),
    ("absent", "ada-secret"), ("absent", ""), ("", "ada-secret"), ("", ""), ("*", "ada-secret"), ("a*", "ada-secret"),
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


def signed_in(client: Client, user: str, password: str | None = None) -> Client:
    answer = sign_in(client, user, password)
    assert answer.status == 200, answer
    return Client(client.transport, answer.json["token"], answer.json)


def groups_of(app: InProcessApp, user: Client) -> set[str]:
    found = app.run(app.portico.identity.groups.of_account, user.account["id"])
    return {group.name for group in found}


def count(app: InProcessApp) -> int:
    found: int = app.run(app.portico.identity.accounts.count)
    return found


def test_users_sign_in_and_first_is_administrator(
    start_app: Any, ldap_server: LdapTestServer
) -> None:
    client = start_app(ldap_server.settings()).client
    answer = sign_in(client)
    assert answer.status == 200, answer
    expected = answer.json
    assert (expected["email"], expected["name"], expected["role"]) == (
        "ada@example.org",
        "Ada Lövelace",
        "admin",
    )
    assert answer.headers["set-cookie"].startswith(f"token={expected['token']};")
    ben = signed_in(client, "BEN", "ben-secret")
    assert (ben.account["role"], ben.get("/api/v1/auths/").status) == ("user", 200)
    assert signed_in(client, "ben").account["id"] == ben.account["id"]
    odd = "o*(b)\\"
    assert signed_in(client, odd, "odd-secret").account["email"] == "odd@example.org"


def test_wrong_credentials_get_the_same_response(
    start_app: Any, ldap_server: LdapTestServer
) -> None:
    app = start_app(ldap_server.settings())
    for user, password in WRONG:
        answer = sign_in(app.client, user, password)
        assert (answer.status, answer.detail) == (400, INVALID_CRED), (user[:30], password[:30])
        assert "set-cookie" not in answer.headers
    assert count(app) == 0


@pytest.mark.parametrize("body", [{}, {"user": "ada"}, {"user": 1, "password": "x"}, [], "x"])
def test_invalid_body_is_not_repeated_in_error(client: Client, body: Any) -> None:
    answer = client.post("/api/v1/auths/ldap", body)
    assert answer.status == 422
    assert all(set(fault) == {"type", "loc", "msg"} for fault in answer.detail)


def test_user_without_email_gets_no_account(start_app: Any, ldap_server: LdapTestServer) -> None:
    app = start_app(ldap_server.settings())
    answer = sign_in(app.client, "nomail")
    assert (answer.status, answer.detail) == (400, FAILED)
    assert count(app) == 0


def test_search_filter_excludes_users(start_app: Any, ldap_server: LdapTestServer) -> None:
    client = start_app(
        ldap_server.settings(LDAP_SEARCH_FILTER="(employeeType=staff)(!(uid=ben))")
    ).client
    assert sign_in(client, "ada").status == 200
    assert sign_in(client, "ben").status == 400
    assert sign_in(client, "eve").status == 400


def test_search_filter_names_a_group_as_the_server_does(
    start_app: Any, ldap_server: LdapTestServer
) -> None:
    group = r"cn=Night\, \"late\" \2B early,ou=groups,dc=example,dc=org"
    text = f"( & (employeeType=staff)\n ( memberOf={group} ) )"
    client = start_app(ldap_server.settings(LDAP_SEARCH_FILTER=text)).client
    assert sign_in(client, "ada").status == 200
    assert sign_in(client, "ben").status == 400


@pytest.mark.parametrize("tls", ["tls", "start_tls", "none"])
def test_connection_encryption_follows_settings(
    start_app: Any, ldap_server: LdapTestServer, tls: str
) -> None:
    options = {
        "tls": {},
        "start_tls": {"LDAP_SERVER_PORT": str(ldap_server.plain), "PORTICO_LDAP_START_TLS": "true"},
        "none": {"LDAP_SERVER_PORT": str(ldap_server.plain), "LDAP_USE_TLS": "false"},
    }[tls]
    assert sign_in(start_app(ldap_server.settings(**options)).client).status == 200


def test_account_is_found_by_stable_id_after_email_change(
    start_app: Any, ldap_server: LdapTestServer
) -> None:
    before = signed_in(start_app(ldap_server.settings()).client, "ada")
    renamed = ldap_server.settings(LDAP_ATTRIBUTE_FOR_MAIL="labeledURI")
    after = signed_in(start_app(renamed).client, "ada")
    assert after.account["id"] == before.account["id"]
    assert after.account["email"] == "ada@example.org"


def test_account_is_found_by_distinguished_name_without_stable_id(
    start_app: Any, ldap_server: LdapTestServer
) -> None:
    nameless = {"PORTICO_LDAP_ATTRIBUTE_FOR_ID": "roomNumber"}
    before = signed_in(start_app(ldap_server.settings(**nameless)).client, "ada")
    nameless["LDAP_ATTRIBUTE_FOR_MAIL"] = "labeledURI"
    after = signed_in(start_app(ldap_server.settings(**nameless)).client, "ada")
    assert after.account["id"] == before.account["id"]


@pytest.mark.case("AB-76")
@pytest.mark.parametrize(
    ("setting", "name", "status"),
    [
        (None, "ben", 200),
        (None, "ada", 400),
        ("non_admins", "ada", 400),
        ("always", "ada", 200),
        ("never", "ben", 400),
    ],
)
def test_link_by_email_follows_setting(
    start_app: Any, python_server: LdapTestServer, setting: str | None, name: str, status: int
) -> None:
    settings = python_server.settings(
        **({"PORTICO_LDAP_LINK_BY_EMAIL": setting} if setting else {})
    )
    client = start_app(settings).client
    users = {"ada": client.sign_up("Ada")}
    users["ben"] = users["ada"].add_user("Ben")
    answer = sign_in(client, name)
    assert answer.status == status
    if status == 200:
        assert answer.json["id"] == users[name].account["id"]
    else:
        assert "already registered" in answer.detail


def test_only_first_account_is_created_without_create_accounts(
    start_app: Any, python_server: LdapTestServer
) -> None:
    client = start_app(python_server.settings(PORTICO_LDAP_CREATE_ACCOUNTS="false")).client
    assert sign_in(client, "ada").json["role"] == "admin"
    assert sign_in(client, "ben").status == 403


def test_groups_follow_ldap_server(start_app: Any, ldap_server: LdapTestServer) -> None:
    settings = ldap_server.settings(ENABLE_LDAP_GROUP_MANAGEMENT="true")
    app = start_app(settings)
    app.client.sign_up("Root")
    assert groups_of(app, signed_in(app.client, "ada")) == set()
    app = start_app(settings | {"ENABLE_LDAP_GROUP_CREATION": "true"})
    assert groups_of(app, signed_in(app.client, "ada")) == {"staff", 'Night, "late" + early'}
    app = start_app(ldap_server.settings())
    ben = signed_in(app.client, "ben")
    assert groups_of(app, ben) == set()
    assert groups_of(app, signed_in(app.client, "ada")) == {"staff", 'Night, "late" + early'}


STAFF = "cn=staff,ou=groups,dc=example,dc=org"


@pytest.mark.case("AB-79")
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
        ("admin;absent", set()),
    ],
)
def test_only_admin_groups_make_administrators(
    start_app: Any, python_server: LdapTestServer, named: str, admins: set[str]
) -> None:
    app = start_app(python_server.settings(PORTICO_LDAP_ADMIN_GROUPS=named))
    app.client.sign_up("Root")
    roles = {who: signed_in(app.client, who).account["role"] for who in ("ada", "ben", "eve")}
    assert {who for who, role in roles.items() if role == "admin"} == admins


def test_user_loses_admin_role_after_leaving_admin_group(
    start_app: Any, python_server: LdapTestServer
) -> None:
    app = start_app(python_server.settings(PORTICO_LDAP_ADMIN_GROUPS=STAFF))
    app.client.sign_up("Root")
    ada = signed_in(app.client, "ada")
    assert ada.account["role"] == "admin"
    app = start_app(python_server.settings(PORTICO_LDAP_ADMIN_GROUPS="another"))
    assert signed_in(app.client, "ada").account["role"] == "user"
    app = start_app(python_server.settings())
    assert signed_in(app.client, "ada").account["role"] == "user"


@pytest.mark.case("AB-16")
def test_pending_user_has_no_access(start_app: Any, python_server: LdapTestServer) -> None:
    client = start_app(python_server.settings(DEFAULT_USER_ROLE="pending")).client
    signed_in(client, "ada")
    ben = signed_in(client, "ben")
    assert ben.account["role"] == "pending"
    assert ben.get("/api/v1/chats/").status == 403


def test_link_is_recorded_in_audit_log(start_app: Any, python_server: LdapTestServer) -> None:
    client = start_app(python_server.settings()).client
    ada = signed_in(client, "ada")
    entries = ada.get("/api/v1/audit?event=account.linked").json
    expected = str(entries)
    assert ada.account["id"] in expected and "'ldap'" in expected


def test_ldap_is_disabled_by_default(client: Client) -> None:
    answer = sign_in(client)
    assert (answer.status, answer.detail) == (400, "LDAP authentication is not enabled")


def test_ldap_sign_in_is_refused_without_password_auth(
    start_app: Any, python_server: LdapTestServer
) -> None:
    answer = sign_in(start_app(python_server.settings(ENABLE_PASSWORD_AUTH="false")).client)
    assert (answer.status, answer.detail) == (
        403,
        "The requested action has been restricted as a security measure.",
    )
