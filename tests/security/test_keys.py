"""Attacks on API keys."""

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.api_keys import KEYS, ON, OUT_OF_BOUNDS, SINGLE, new_key, permit, with_key

from portico.boot import Application
from portico.testing import PASSWORD, Client, InProcessApp, ServerProcess

ME = "/api/v1/auths/"
CHATS = "/api/v1/chats/"
PROHIBITED = "The requested action has been restricted as a security measure."


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | ON


@pytest.fixture
def user(admin: Client) -> Client:
    """A user who may create API keys."""
    ben = admin.add_user("Ben")
    permit(admin, ben)
    return ben


@pytest.mark.case("AB-19")
def test_restricted_key_is_limited_to_its_endpoints(
    user: Client,
) -> None:
    key = new_key(user, endpoints=["/api/models"])["api_key"]
    anonymous = Client(user.transport)
    variants = [
        {"authorization": f"Bearer {key}"},
        {"AUTHORIZATION": f"BEARER {key}"},
        {"Authorization": f"bearer {key}"},
        {"x-api-key": key},
        {"X-API-KEY": key},
        {"cookie": f"token={key}"},
        {"cookie": f'a=b; token="{key}"'},
    ]
    answers = [anonymous.get(CHATS, headers=headers) for headers in variants]
    assert {(one.status, one.body) for one in answers} == {
        (403, b'{"detail":"' + OUT_OF_BOUNDS.encode() + b'"}')
    }
    for headers in variants[:5]:
        assert anonymous.get("/api/models", headers=headers).status == 200
    for headers in variants[5:]:
        assert anonymous.get("/api/models", headers=headers).status == 403, (
            "API keys are not accepted in cookies"
        )
    for name in ("api_key", "token", "key", "access_token"):
        assert anonymous.get(f"{CHATS}?{name}={key}").status == 401
    assert anonymous.get(CHATS, headers={"x-portico-key": key}).status == 401


TRICKS: list[tuple[str, dict[str, str]]] = [
    (CHATS, {"host": "x/api/models?"}),
    (CHATS, {"host": "x/api/models#"}),
    (CHATS, {"x-forwarded-host": "x/api/models?", "x-forwarded-prefix": "/api/models"}),
    (CHATS, {"x-original-url": "/api/models", "x-rewrite-url": "/api/models"}),
    (f"http://x/api/models/..{CHATS}", {}),
    (f"http://x{CHATS}", {}),
    (f"/api/models/../..{CHATS}", {}),
    (f"/api/models/%2e%2e/%2e%2e{CHATS}", {}),
    (f"/api/models/..%2f..{CHATS}", {}),
    (f"/api/models%2f..%2f..{CHATS}", {}),
    ("/api/v1%2fchats/", {}),
    ("//api/v1/chats/", {}),
    ("/api//v1/chats/", {}),
    ("/api/./v1/chats/", {}),
    ("/./api/models/../v1/chats/", {}),
    ("/api/models;/../v1/chats/", {}),
    ("/api/v1/chats;x=/api/models", {}),
    ("/api/v1/chats/;/api/models", {}),
    ("/API/V1/CHATS/", {}),
    ("/api/v1/chats", {}),
    ("/api/v1/chats//", {}),
    ("/api/v1/chats/?/api/models", {}),
    ("/api/v1/chats/#/api/models", {}),
    ("/api/v1/chats/%00", {}),
    ("/api/models/base", {}),
    ("/api/modelsx", {}),
]


@pytest.mark.case("AB-20")
def test_host_and_path_tricks_do_not_widen_a_key(admin: Client, subtests: pytest.Subtests) -> None:
    admin.post("/api/v1/chats/new", {"chat": {"title": "a secret of Ada's"}})
    script = with_key(admin, endpoints=["/api/models/base"])
    for target, headers in TRICKS:
        with subtests.test(target=target, headers=headers):
            answer = script.get(target, headers=headers)
            if target == "/api/models/base":
                assert answer.status == 200
            else:
                assert answer.status in (400, 403, 404, 405), answer
                assert b"secret" not in answer.body


@pytest.mark.timeout(120)
@pytest.mark.case("AB-20")
def test_host_and_path_tricks_fail_on_a_server(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")
    ada.post("/api/v1/chats/new", {"chat": {"title": "a secret of Ada's"}})
    key = new_key(ada, endpoints=["/api/models/base"])["api_key"]
    host, port = server.url.removeprefix("http://").split(":")
    for target, headers in TRICKS[:-2]:
        sent = {"host": "x"} | headers | {"authorization": f"Bearer {key}", "connection": "close"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))  # noqa: B023
        assert b"secret" not in answer, target
        status = int(answer.split()[1]) if answer else 400
        assert status in (400, 403, 404, 405), (target, answer)


@pytest.mark.case("AB-21")
def test_key_loses_the_rights_of_its_owner(admin: Client, user: Client) -> None:
    script = with_key(user)
    assert script.get(CHATS).status == 200
    form = {"name": "Ben", "email": "ben@example.org", "profile_image_url": ""}
    update = f"/api/v1/users/{user.account['id']}/update"
    admin.post(update, form | {"role": "pending"})
    for path in (CHATS, ME, "/api/models"):
        assert script.get(path).status == 403
    admin.post(update, form | {"role": "user"})
    assert script.get(CHATS).status == 200
    admin.delete(f"/api/v1/users/{user.account['id']}")
    assert script.get(CHATS).status == 401


@pytest.mark.case("AB-21")
def test_key_of_demoted_administrator_is_demoted(admin: Client) -> None:
    eve = admin.add_user("Eve", role="admin")
    script = with_key(eve)
    assert script.get("/api/v1/users/").status == 200
    permit(admin, eve)
    form = {"name": "Eve", "email": "eve@example.org", "profile_image_url": "", "role": "user"}
    assert admin.post(f"/api/v1/users/{eve.account['id']}/update", form).status == 200
    assert script.get("/api/v1/users/").status == 403
    assert script.get(CHATS).status == 200


@pytest.mark.timeout(120)
@pytest.mark.case("AB-22")
def test_no_file_contains_a_usable_key(env: dict[str, str], tmp_path: Path) -> None:
    server = ServerProcess(env | {"GLOBAL_LOG_LEVEL": "debug"}, tmp_path).start()
    try:
        ada = server.client.sign_up("Ada")
        keys = [new_key(ada)["api_key"], ada.post(SINGLE).json["api_key"]]
        for key in keys:
            script = Client(ada.transport, key)
            assert script.get(ME).status == 200
            script.get(f"{CHATS}?token={key}")
            script.post(KEYS, {"name": "x"})
            Client(ada.transport).get(ME, headers={"cookie": f"token={key}"})
            Client(ada.transport, f"{key}0").get(ME)
        assert ada.get(SINGLE).json["api_key"] == keys[1]
    finally:
        server.kill()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        found = path.read_bytes()
        for key in keys:
            assert key.encode() not in found, path
            assert key[3:].encode() not in found, path
            assert bytes.fromhex(key[3:]) not in found, path


@pytest.mark.case("AB-22")
def test_no_row_contains_a_usable_key(admin: Client, app: InProcessApp) -> None:
    keys = [new_key(admin)["api_key"], admin.post(SINGLE).json["api_key"]]

    async def everything() -> str:
        from portico.db import fetch_all

        tables = ("api_keys_key", "api_keys_owner", "portico_audit", "portico_configuration")
        return str([await fetch_all(f"SELECT * FROM {table}") for table in tables])

    rows = app.run(everything)
    assert keys[0][:7] in rows
    for key in keys:
        assert key not in rows and key[7:] not in rows


@pytest.mark.case("AB-23")
def test_form_cannot_widen_a_key(admin: Client, user: Client) -> None:
    form: dict[str, Any] = {
        "name": "x",
        "user_id": admin.account["id"],
        "account_id": admin.account["id"],
        "role": "admin",
        "enabled": True,
        "prefix": "sk-0000",
        "api_key": "sk-" + "0" * 32,
        "id": "mine",
    }
    made = user.post(KEYS, form).json
    assert (made["account_id"], made["scopes"]) == (user.account["id"], None)
    assert made["api_key"] != form["api_key"] and made["id"] != "mine"
    assert Client(user.transport, made["api_key"]).get("/api/v1/users/").status == 403
    assert user.post(KEYS, {"name": "x", "scopes": ["*"]}).status == 400


#: Requests that create or change credentials, or widen a key.
FORBIDDEN: list[tuple[str, str, Any]] = [
    ("POST", SINGLE, None),
    ("GET", SINGLE, None),
    ("DELETE", SINGLE, None),
    ("GET", KEYS, None),
    ("POST", KEYS, {"name": "wider"}),
    ("POST", f"{KEYS}/some-id/update", {"enabled": True}),
    ("DELETE", f"{KEYS}/some-id", None),
    ("POST", "/api/v1/auths/update/password", {"password": PASSWORD, "new_password": "another"}),
    ("POST", "/api/v1/auths/admin/config", {}),
    ("GET", "/api/v1/auths/sessions", None),
    ("DELETE", "/api/v1/auths/sessions", None),
    ("DELETE", "/api/v1/auths/sessions/some-id", None),
    ("DELETE", "/api/v1/users/some-id/sessions", None),
]


@pytest.mark.case("AB-23")
def test_key_cannot_change_credentials(admin: Client, subtests: pytest.Subtests) -> None:
    scripts = [with_key(admin), with_key(admin, scopes=["read", "write"])]
    for method, path, form in FORBIDDEN:
        with subtests.test(method=method, path=path):
            for script in scripts:
                answer = script.request(method, path, json=form)
                assert (answer.status, answer.detail) == (403, PROHIBITED)


@pytest.mark.case("AB-23")
def test_administrator_key_cannot_create_administrators(admin: Client) -> None:
    ben = admin.add_user("Ben")
    script = with_key(admin)
    eve = {"name": "Eve", "email": "eve@example.org", "password": PASSWORD}
    assert script.post("/api/v1/auths/add", eve | {"role": "admin"}).detail == PROHIBITED
    assert script.post("/api/v1/auths/add", eve | {"role": "user"}).status == 200
    update = f"/api/v1/users/{ben.account['id']}/update"
    form = {"name": "Ben", "email": "ben@example.org", "profile_image_url": "", "role": "user"}
    for changed in ({"password": "another one"}, {"email": "b@example.org"}, {"role": "admin"}):
        assert script.post(update, form | changed).detail == PROHIBITED
    assert ben.get(ME).json["role"] == "user"
    assert script.post(update, form | {"name": "Benjamin"}).status == 200
    assert ben.get(ME).json["name"] == "Benjamin"


def test_wrong_keys_get_the_same_response(user: Client) -> None:
    made = new_key(user)["api_key"]
    guesses = [made[:-1], made + "0", made.upper(), "sk-", "sk-" + "g" * 32, "sk-" + "0" * 10_000]
    answers = {
        (one.status, one.body) for one in (Client(user.transport, key).get(ME) for key in guesses)
    }
    assert len(answers) == 1 and answers.pop()[0] == 401


@pytest.mark.both_databases
def test_concurrent_requests_respect_the_key_limit(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    app = InProcessApp(env | {"PORTICO_API_KEYS_MAX_KEYS": "3"}, complete_schema)
    try:
        admin = app.client.sign_up("Ada")
        with ThreadPoolExecutor(8) as threads:
            made = list(threads.map(lambda _: admin.post(KEYS, {"name": "x"}).status, range(8)))
        assert sorted(made) == [200] * 3 + [400] * 5
        with ThreadPoolExecutor(8) as threads:
            client_keys = list(threads.map(lambda _: admin.post(SINGLE).status, range(8)))
        assert set(client_keys) == {400}
        admin.delete(f"{KEYS}/{admin.get(KEYS).json[0]['id']}")
        with ThreadPoolExecutor(8) as threads:
            client_keys = list(threads.map(lambda _: admin.post(SINGLE).status, range(8)))
        assert set(client_keys) == {200} and len(admin.get(KEYS).json) == 3
        assert re.fullmatch(r"sk-[0-9a-f]{32}", admin.get(SINGLE).json["api_key"])
    finally:
        app.close()


def test_guessing_keys_is_rate_limited_and_valid_keys_are_not(
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(env | {"PORTICO_RATE_LIMITS_ADDRESS_FAILURES": "5"}, complete_schema)
    try:
        admin = app.client.sign_up("Ada")
        script = with_key(admin)
        guesses = [Client(admin.transport, f"sk-{n:032x}").get(ME).status for n in range(8)]
        assert guesses == [401] * 5 + [429] * 3
        assert script.get(ME).status == 200
    finally:
        app.close()
