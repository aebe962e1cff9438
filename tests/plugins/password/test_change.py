"""Changing the own password, and replacing old hashes at sign-in."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bcrypt
import pytest

from portico.boot import Application
from portico.testing import PASSWORD, Client, InProcessApp

CHANGE = "/api/v1/auths/update/password"
ME = "/api/v1/auths/"
NEW = "a much better one"
INCORRECT = "The password provided is incorrect. Please check for typos and try again."
TOO_LONG = "less than 72 bytes"


def form(new: Any = NEW, old: Any = PASSWORD) -> dict[str, Any]:
    return {"password": old, "new_password": new}


def signs_in(client: Client, password: str) -> bool:
    given = {"email": "ben@example.org", "password": password}
    return Client(client.transport).post("/api/v1/auths/signin", given).status == 200


@pytest.mark.case("AB-06")
def test_changed_password_ends_all_other_sessions(user: Client) -> None:
    elsewhere = user.sign_in("Ben")
    answer = user.post(CHANGE, form())
    assert (answer.status, answer.json) == (200, True)
    assert user.get(ME).status == 200, "the one that asked stays"
    assert elsewhere.get(ME).status == 401
    assert signs_in(user, NEW) and not signs_in(user, PASSWORD)


def test_wrong_current_password_is_refused(user: Client) -> None:
    answer = user.post(CHANGE, form(old="wrong"))
    assert (answer.status, answer.detail) == (400, INCORRECT)
    assert signs_in(user, PASSWORD)


@pytest.mark.parametrize(
    "new", ["", "x" * 73, "é" * 37, "x" * 50_000], ids=lambda value: str(len(value))
)
@pytest.mark.case("AB-08")
def test_new_password_is_checked_before_hashing(user: Client, new: str) -> None:
    for old in (PASSWORD, "wrong"):
        answer = user.post(CHANGE, form(new, old))
        assert answer.status == 400 and answer.detail != INCORRECT, "the old one was not looked at"
    assert signs_in(user, PASSWORD)


@pytest.mark.case("AB-08")
def test_password_of_ten_megabytes_is_refused(user: Client) -> None:
    assert user.post(CHANGE, form("x" * 10_000_000)).status == 413
    assert user.post(CHANGE, form(old="x" * 10_000_000)).status == 413


@pytest.mark.case("AB-08")
def test_password_pattern_applies_to_the_new_password(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env | {"ENABLE_PASSWORD_VALIDATION": "true"}, complete_schema)
    try:
        ada = app.client.sign_up("Ada", "Aa1!aaaa")
        answer = ada.post(CHANGE, form("weak", "Aa1!aaaa"))
        assert answer.detail == "The password does not meet the required validation criteria."
        assert ada.post(CHANGE, form("Bb2!bbbb", "Aa1!aaaa")).status == 200
    finally:
        app.close()


@pytest.mark.case("AB-09")
def test_prefix_of_the_password_is_refused(user: Client) -> None:
    long = "x" * 72
    assert user.post(CHANGE, form(long)).status == 200
    assert user.post(CHANGE, form(NEW, long + "y")).detail == INCORRECT
    assert not signs_in(user, long + "y") and signs_in(user, long)


@pytest.mark.case("AB-16")
def test_pending_account_changes_its_password_with_the_setting_only(
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
) -> None:
    for allowed, status in (("false", 403), ("true", 200)):
        app = InProcessApp(
            env | {"PORTICO_PASSWORD_ALLOW_PENDING_PASSWORD_CHANGE": allowed}, complete_schema
        )
        try:
            register = app.client.sign_up if allowed == "false" else app.client.sign_in
            admin = register("Ada")
            if allowed == "false":
                admin.add_user("Ben", role="pending")
            assert app.client.sign_in("Ben").post(CHANGE, form()).status == status
        finally:
            app.close()


def test_change_is_refused_where_passwords_are_off(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env, complete_schema)
    ada = app.client.sign_up("Ada")
    app.close()
    app = InProcessApp(env | {"ENABLE_PASSWORD_AUTH": "false"}, complete_schema)
    try:
        still = Client(app.client.transport, ada.token)
        assert still.post(CHANGE, form()).status == 403
    finally:
        app.close()


def test_change_is_in_the_audit_log_without_the_password(admin: Client, user: Client) -> None:
    user.post(CHANGE, form())
    entries = admin.get("/api/v1/audit?event=password.changed").json["entries"]
    assert [one["author_name"] for one in entries] == ["Ben"]
    assert NEW not in str(entries) and "$2b$" not in str(entries)


def test_malformed_form_is_refused(user: Client) -> None:
    for body in ({}, {"password": PASSWORD}, form(None), form(7)):
        assert user.post(CHANGE, body).status in (400, 422)
    assert signs_in(user, PASSWORD)


async def _hash_of(app: InProcessApp) -> str:
    from portico.db import fetch_one

    sql = (
        "SELECT p.hash FROM portico_password p JOIN portico_account a ON a.id = p.account_id "
        "WHERE a.email = 'ben@example.org'"
    )
    found = await fetch_one(sql)
    assert found is not None
    return str(found["hash"])


@pytest.mark.parametrize("kind", [b"$2b$05$", b"$2a$04$", b"$2y$04$"])
def test_sign_in_replaces_a_hash_of_another_cost_or_kind(
    user: Client, app: InProcessApp, kind: bytes
) -> None:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(int(kind[4:6])))
    old = (kind + hashed[7:]).decode()

    async def store_hash() -> None:
        from portico.db import execute

        account = user.account["id"]
        sql = "UPDATE portico_password SET hash = $1 WHERE account_id = $2"
        await execute(sql, old, account)

    app.run(store_hash)
    assert not signs_in(user, "wrong") and app.run(_hash_of, app) == old
    assert signs_in(user, PASSWORD)
    renewed = app.run(_hash_of, app)
    assert renewed.startswith("$2b$04$") and renewed != old
    assert user.get(ME).status == 200, "no sign-in ends by it"
    assert signs_in(user, PASSWORD) and app.run(_hash_of, app) == renewed


def test_rehashing_never_replaces_a_changed_password(user: Client, app: InProcessApp) -> None:
    old = app.run(_hash_of, app)
    user.post(CHANGE, form())

    async def late() -> None:
        accounts = app.portico.identity.accounts
        await accounts.renew_hash(user.account["id"], old, "$2b$04$late")

    app.run(late)
    assert signs_in(user, NEW)


@pytest.mark.both_databases
@pytest.mark.case("AB-06")
def test_one_of_several_concurrent_changes_succeeds(user: Client) -> None:
    """A second client that knows the old password cannot change it at the same time."""
    passwords = [f"{NEW} {number}" for number in range(6)]
    with ThreadPoolExecutor(6) as crowd:
        statuses = list(crowd.map(lambda new: user.post(CHANGE, form(new)).status, passwords))
    assert sorted(statuses) == [200] + [400] * 5
    (accepted,) = (new for new, status in zip(passwords, statuses, strict=True) if status == 200)
    assert [signs_in(user, new) for new in passwords] == [new == accepted for new in passwords]
