"""Administrators change the LDAP settings at run time."""

from typing import Any

import pytest
from tests.one_database import on_sqlite
from tests.plugins.ldap.conftest import LdapTestServer
from tests.plugins.ldap.test_sign_in import sign_in

from portico.settings.load import load_settings
from portico.testing import Client, InProcessApp
from portico_ldap.runtime_config import settings_fault
from portico_ldap.settings import LdapSettings

SWITCH = "/api/v1/auths/admin/config/ldap"
SERVER = f"{SWITCH}/server"


@pytest.fixture
def form(python_server: LdapTestServer) -> dict[str, Any]:
    """The LDAP server as a request body."""
    return {
        "label": "Company", "host": "localhost", "port": python_server.encrypted, "attribute_for_mail": "mail",
        "attribute_for_username": "uid", "app_dn": "cn=portico,dc=example,dc=org", "app_dn_password": "app-secret",
        "search_base": "dc=example,dc=org", "search_filters": "(objectClass=inetOrgPerson)", "use_tls": True,
        "certificate_path": str(python_server.ca), "validate_cert": True, "ciphers": "ALL",
    }  # fmt: skip


def test_ldap_is_configured_and_enabled_at_run_time(admin: Client, form: dict[str, Any]) -> None:
    assert admin.get(SWITCH).json == {"ENABLE_LDAP": False}
    answer = admin.post(SERVER, form)
    assert answer.status == 200, answer
    assert answer.json == form | {"app_dn_password": "********", "start_tls": False}
    assert sign_in(admin, "ben").status == 400
    assert admin.post(SWITCH, {"enable_ldap": True}).json == {"ENABLE_LDAP": True}
    assert sign_in(admin, "ben").status == 200
    assert admin.post(SWITCH, {"enable_ldap": False}).json == {"ENABLE_LDAP": False}
    assert sign_in(admin, "ben").detail == "LDAP authentication is not enabled"


def test_password_is_masked_and_kept_when_mask_is_sent(admin: Client, form: dict[str, Any]) -> None:
    admin.post(SWITCH, {"enable_ldap": True})
    assert admin.get(SERVER).json["app_dn_password"] == ""
    admin.post(SERVER, form)
    shown = admin.get(SERVER)
    assert b"app-secret" not in shown.body and shown.json["app_dn_password"] == "********"
    assert admin.post(SERVER, shown.json | {"label": "Others"}).json["label"] == "Others"
    assert sign_in(admin, "ben").status == 200
    trail = admin.get("/api/v1/audit")
    assert b"LDAP_APP_PASSWORD" in trail.body and b"LDAP_SERVER_LABEL" in trail.body
    assert b"app-secret" not in trail.body


def test_password_is_stored_encrypted(
    app: InProcessApp, admin: Client, form: dict[str, Any]
) -> None:
    admin.post(SERVER, form)

    async def stored() -> list[Any]:
        from portico.db import fetch_all

        secrets = await fetch_all("SELECT name, encrypted FROM ldap_secret")
        return [*secrets, *await fetch_all("SELECT name, value FROM portico_configuration")]

    found = app.run(stored)
    assert "app-secret" not in str(found)
    assert found[0]["encrypted"].startswith("v1.")


#: Changes after which the password would be sent elsewhere, or unprotected.
OTHER_SERVERS: list[dict[str, Any]] = [
    {"host": "evil.example"}, {"port": 1389}, {"use_tls": False}, {"start_tls": True}, {"validate_cert": False},
    {"certificate_path": ""},
]  # fmt: skip


def test_masked_password_is_not_sent_to_another_server(admin: Client, form: dict[str, Any]) -> None:
    for change in OTHER_SERVERS:
        admin.post(SERVER, form)
        shown = admin.get(SERVER).json
        answer = admin.post(SERVER, shown | change)
        assert answer.status == 400 and "app_dn_password" in answer.detail, change
        assert admin.get(SERVER).json == shown, change
        assert admin.post(SERVER, shown | change | {"app_dn_password": "new"}).status == 200, change


INVALID: list[tuple[dict[str, Any], int, str]] = [
    ({"label": ""}, 400, "Required field label is empty"),
    ({"host": "  "}, 400, "Required field host is empty"),
    ({"app_dn": ""}, 400, "Required field app_dn is empty"),
    ({"app_dn_password": ""}, 400, "Required field app_dn_password is empty"),
    ({"search_base": ""}, 400, "Required field search_base is empty"),
    ({"attribute_for_mail": ""}, 400, "Required field attribute_for_mail is empty"),
    ({"attribute_for_username": "uid)(a"}, 400, "attribute_for_username"),
    ({"search_filters": "(uid=*"}, 400, "search_filters"),
    ({"search_base": "everywhere"}, 400, "search_base"),
    ({"host": "ldapi:///tmp/socket"}, 400, "host"),
    ({"host": "a b"}, 400, "host"),
    ({"certificate_path": "/etc/passwd"}, 400, "Failed to configure TLS for LDAP connection."),
    ({"certificate_path": "/nowhere"}, 400, "Failed to configure TLS for LDAP connection."),
    ({"ciphers": "NONSENSE"}, 400, "Failed to configure TLS for LDAP connection."),
    ({"port": 0}, 422, "port"),
    ({"port": "imaps"}, 422, "port"),
    ({"use_tls": None}, 422, "use_tls"),
    ({"host": 7}, 422, "host"),
    ({"label": "a" * 2000}, 422, "label"),
]


def test_invalid_server_settings_are_refused_and_not_stored(
    admin: Client, form: dict[str, Any]
) -> None:
    before = admin.get(SERVER).json
    for change, status, expected in INVALID:
        answer = admin.post(SERVER, form | change)
        assert answer.status == status and expected in str(answer.detail), change
        assert admin.get(SERVER).json == before, change


def test_pinned_settings_accept_only_their_own_value(
    start_app: Any, python_server: LdapTestServer
) -> None:
    settings = python_server.settings()
    admin = start_app(settings).client.sign_up("Ada")
    before = admin.get(SERVER).json
    for name, value in {
        "host": "evil.example", "port": 1, "app_dn_password": "other", "app_dn": "cn=other",
        "certificate_path": "/nowhere",
    }.items():  # fmt: skip
        answer = admin.post(SERVER, before | {"label": "Mine", name: value})
        assert answer.status == 400 and name in answer.detail, name
        assert admin.get(SERVER).json == before
    assert admin.post(SERVER, before | {"label": "Mine"}).json == before | {"label": "Mine"}
    answer = admin.post(SWITCH, {"enable_ldap": False})
    assert answer.status == 400 and "ENABLE_LDAP" in answer.detail
    assert admin.post(SWITCH, {"enable_ldap": True}).json == {"ENABLE_LDAP": True}
    assert sign_in(admin, "ben").status == 200


def test_pinned_password_is_not_sent_to_another_server(
    start_app: Any, form: dict[str, Any]
) -> None:
    admin = start_app({"LDAP_APP_PASSWORD": "operators"}).client.sign_up("Ada")
    answer = admin.post(SERVER, form | {"host": "evil.example", "app_dn_password": "mine"})
    assert answer.status == 400 and "app_dn_password" in answer.detail


def test_only_administrators_read_and_change_ldap_settings(
    admin: Client, user: Client, client: Client, form: dict[str, Any]
) -> None:
    for path, body in ((SWITCH, {"enable_ldap": True}), (SERVER, form)):
        assert client.get(path).status == client.post(path, body).status == 401
        assert user.get(path).status == user.post(path, body).status == 403
    assert admin.get(SWITCH).json == {"ENABLE_LDAP": False}


#: A setting that cannot work, and what the reason names.
BAD_SETTINGS = {
    "LDAP_SEARCH_FILTER": ("(uid=*", "a parenthesis is not closed"),
    "LDAP_SERVER_HOST": ("http://ldap.example", "ldaps://"),
    "LDAP_CA_CERT_FILE": ("/nowhere/ca.pem", "No such file"),
    "LDAP_CIPHERS": ("NONSENSE", "ciphers"),
}


@on_sqlite
def test_bad_setting_disables_ldap_and_nothing_else(
    start_app: Any, python_server: LdapTestServer
) -> None:
    for variable, (value, why) in BAD_SETTINGS.items():
        bad = python_server.settings(**{variable: value, "PORTICO_STRICT": "false"})
        reason = settings_fault(load_settings(environ=bad).plugin("ldap", LdapSettings))
        assert variable in reason and why in reason, reason
    app = start_app(bad)
    assert app.portico.registry["ldap"].unusable == {"ldap": reason}
    refused = app.client.post("/api/v1/auths/ldap", {"user": "ada", "password": "ada-secret"})
    assert refused.status == 403 and "not available" in refused.detail
    admin = app.client.sign_up("Ada")
    assert admin.get(SERVER).json["ciphers"] == "NONSENSE"
    assert not admin.get("/api/config").json["features"]["enable_ldap"]
    ready = app.client.get("/ready")
    assert ready.status == 200 and b"NONSENSE" not in ready.body
    [fault] = [one for one in ready.json["reasons"] if one["plugin"] == "ldap"]
    assert (fault["provider"], fault["reason"], fault["fault"]) == ("ldap", "disabled", "settings")


def test_active_providers_include_ldap_only_when_enabled(app: InProcessApp, admin: Client) -> None:
    def names() -> list[str]:
        return [provider.name for provider in app.run(app.portico.identity.auth.active_providers)]

    assert names() == ["password"]
    admin.post(SWITCH, {"enable_ldap": True})
    assert names() == ["ldap", "password"]
