"""Attacks on tokens and sign-in."""

import base64
import hashlib
import hmac
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from portico.api.auth import Account
from portico.errors import INVALID_CRED
from portico.testing import PASSWORD, SECRET, Client, InProcessApp, ServerProcess

INVALID_TOKEN = "Your session has expired or the token is invalid. Please sign in again."
ME = "/api/v1/auths/"


def forged(header: Any, claims: Any, signed: bool = True) -> str:
    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    text = (
        claims if isinstance(claims, bytes) else json.dumps(claims, separators=(",", ":")).encode()
    )
    body = f"{part(json.dumps(header, separators=(',', ':')).encode())}.{part(text)}"
    digest = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).digest()
    return f"{body}.{part(digest) if signed else ''}"


def claims_of(token: str | None) -> dict[str, Any]:
    payload = str(token).split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return found


MALFORMED = [
    "Bearer",
    "Bearer a b",
    "Bearer  x",
    "Basic Zm9v",
    "",
    "Bearer \xff\xfe",
    "A" * 65536,
    "Bearer " + "A" * 65536,
]


@pytest.mark.case("AB-01")
def test_malformed_authorization_header_is_401(admin: Client, subtests: pytest.Subtests) -> None:
    anonymous = Client(admin.transport)
    for value in MALFORMED:
        with subtests.test(value[:12]):
            answer = anonymous.get(ME, headers={"authorization": value})
            assert answer.status == 401 and answer.headers["www-authenticate"] == "Bearer"
            assert admin.get(ME).status == 200


@pytest.mark.case("AB-01")
def test_repeated_authorization_header_is_401(admin: Client) -> None:
    twice = [("authorization", f"Bearer {admin.token}")] * 2
    assert Client(admin.transport).get(ME, headers=twice).status == 401


ALGORITHMS = ["none", "None", "nOnE", "NONE", "HS512", "RS256"]


@pytest.mark.case("AB-02")
def test_unsigned_token_is_refused(admin: Client, subtests: pytest.Subtests) -> None:
    claims = claims_of(admin.token)
    for alg in ALGORITHMS:
        with subtests.test(alg):
            for signed in (True, False):
                answer = Client(
                    admin.transport, forged({"alg": alg, "typ": "JWT"}, claims, signed)
                ).get(ME)
                assert (answer.status, answer.detail) == (401, INVALID_TOKEN)


#: A change of the header, and one of the claims.
INVALID_CLAIMS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"crit": ["x"]}, {}),
    ({}, {"exp": None}),
    ({}, {"exp": "9999-12-31"}),
    ({}, {"exp": 253402300799}),
    ({}, {"exp": -5}),
    ({}, {"exp": float("nan")}),
    ({}, {"iat": 99999999999}),
    ({}, {"id": None}),
    ({}, {"id": ["x"]}),
    ({}, {"id": {"x": 1}}),
    ({}, {"id": 7}),
    ({}, {"id": "x" * 1_000_000}),
    ({}, {"jti": "\x00"}),
    ({}, {"epoch": 2**70}),
]  # fmt: skip


@pytest.mark.case("AB-03")
def test_invalid_claims_in_signed_token_are_refused(
    admin: Client, subtests: pytest.Subtests
) -> None:
    claims = claims_of(admin.token)
    fine = forged({"alg": "HS256", "typ": "JWT"}, claims)
    assert Client(admin.transport, fine).get(ME).status == 200
    for header, change in INVALID_CLAIMS:
        with subtests.test(str(header), change=str(change)[:40]):
            token = forged({"alg": "HS256", "typ": "JWT", **header}, claims | change)
            answer = Client(admin.transport, token).get(ME)
            assert (answer.status, answer.detail) == (401, INVALID_TOKEN)


@pytest.mark.case("AB-04")
def test_sign_out_revokes_the_token(admin: Client) -> None:
    assert admin.get("/api/v1/auths/signout").status == 200
    answer = admin.get(ME)
    assert (answer.status, answer.detail) == (401, INVALID_TOKEN)
    cookie = {"cookie": f"token={admin.token}"}
    assert Client(admin.transport).get(ME, headers=cookie).status == 401


@pytest.mark.case("AB-09")
def test_too_long_password_is_refused_not_truncated(client: Client, admin: Client) -> None:
    form = {"name": "Ben", "email": "ben@example.org", "password": "a" * 100}
    assert client.post("/api/v1/auths/signup", form).status == 400
    assert client.post("/api/v1/auths/signup", form | {"password": "a" * 72}).status == 200
    pair = {"email": "ben@example.org", "password": "a" * 72}
    assert client.post("/api/v1/auths/signin", pair).status == 200
    assert client.post("/api/v1/auths/signin", pair | {"password": "a" * 73}).status == 400
    assert client.post("/api/v1/auths/signin", pair | {"password": "a" * 72 + "b"}).status == 400


@pytest.fixture
def after_next_check(
    app: InProcessApp, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], Awaitable[Any]]], None]:
    """`after_next_check(change)` awaits the change once, between the check of a password and the opening of a session."""

    def change_then(change: Callable[[], Awaitable[Any]]) -> None:
        identity = app.portico.identity
        check, changes = identity.check_password, [change]

        async def check_and_change(email: str, password: str) -> Account:
            account = await check(email, password)
            if changes:
                await changes.pop()()
            return account

        monkeypatch.setattr(identity, "check_password", check_and_change)

    return change_then


@pytest.mark.case("AB-06")
def test_sign_in_succeeds_while_all_other_sessions_are_ended(
    app: InProcessApp, admin: Client, after_next_check: Callable[..., None]
) -> None:
    sessions = app.portico.identity.session_list
    after_next_check(lambda: sessions.end_all(admin.account["id"]))
    assert app.client.sign_in("Ada").get(ME).status == 200
    assert admin.get(ME).status == 401


@pytest.mark.case("AB-06")
def test_sign_in_with_the_old_password_fails_while_it_is_changed(
    app: InProcessApp, admin: Client, after_next_check: Callable[..., None]
) -> None:
    identity = app.portico.identity

    async def change() -> None:
        hashed = await identity.hash_password("another")
        await identity.accounts.set_password_hash(admin.account["id"], hashed)

    after_next_check(change)
    form = {"email": "ada@example.org", "password": PASSWORD}
    answer = app.client.post("/api/v1/auths/signin", form)
    assert (answer.status, answer.detail) == (400, INVALID_CRED)
    assert app.client.sign_in("Ada", "another").get(ME).status == 200


@pytest.mark.case("AB-06")
def test_sign_in_to_a_deleted_account_fails(
    app: InProcessApp, admin: Client, user: Client, after_next_check: Callable[..., None]
) -> None:
    accounts = app.portico.identity.accounts
    after_next_check(lambda: accounts.delete(user.account["id"]))
    form = {"email": "ben@example.org", "password": PASSWORD}
    answer = app.client.post("/api/v1/auths/signin", form)
    assert (answer.status, answer.detail) == (400, INVALID_CRED)


@pytest.fixture
def unlimited(env: dict[str, str]) -> None:
    env["PORTICO_RATE_LIMITS_ENABLED"] = "false"


@pytest.mark.slow
@pytest.mark.case("AB-10")
def test_sign_in_time_does_not_reveal_accounts(
    unlimited: None, client: Client, admin: Client
) -> None:
    """Measured in computing time of this process, so that the load of the machine has no effect."""
    emails = {"known": "ada@example.org", "unknown": "absent@example.org"}
    took: dict[str, list[float]] = {name: [] for name in emails}
    bodies = set()
    for _ in range(20):
        for name, email in emails.items():
            started = time.process_time()
            answer = client.post("/api/v1/auths/signin", {"email": email, "password": "wrong"})
            took[name].append(time.process_time() - started)
            bodies.add((answer.status, answer.body))
    known, unknown = (statistics.median(times) for times in took.values())
    assert len(bodies) == 1
    assert abs(known - unknown) < max(0.005, 0.1 * known), (known, unknown)


@pytest.mark.both_databases
@pytest.mark.slow
@pytest.mark.case("AB-14")
def test_concurrent_sign_ups_on_three_servers_create_one_administrator(
    env: Mapping[str, str], tmp_path: Path
) -> None:
    servers = []
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        servers.append(ServerProcess(env, tmp_path / name))

    def sign_up(number: int) -> tuple[int, Any]:
        form = {"name": f"P{number}", "email": f"p{number}@example.org", "password": PASSWORD}
        answer = servers[number % 3].client.post("/api/v1/auths/signup", form)
        return answer.status, answer.json.get("role")

    try:
        for server in servers:
            server.start()
        with ThreadPoolExecutor(50) as threads:
            answers = list(threads.map(sign_up, range(50)))
    finally:
        for server in servers:
            server.kill()
    assert sorted(answers) == [(200, "admin")] + [(200, "user")] * 49


@pytest.mark.both_databases
@pytest.mark.case("AB-14")
def test_concurrent_first_sign_ups_create_one_account(
    env: dict[str, str], request: pytest.FixtureRequest
) -> None:
    env.pop("ENABLE_SIGNUP")
    client: Client = request.getfixturevalue("client")

    def sign_up(number: int) -> int:
        form = {"name": f"P{number}", "email": f"p{number}@example.org", "password": PASSWORD}
        return client.post("/api/v1/auths/signup", form).status

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(sign_up, range(8))) == [200] + [403] * 7


@pytest.mark.case("AB-15")
def test_sign_up_ignores_privileged_fields(client: Client, admin: Client) -> None:
    form = {
        "name": "Eve", "email": "eve@example.org", "password": PASSWORD, "role": "admin", "id": admin.account["id"],
        "is_active": True, "permissions": {"workspace": {"models": True}}, "api_key": "sk-x", "created_at": 1,
        "oauth_sub": "x", "epoch": 99,
    }  # fmt: skip
    answer = client.post("/api/v1/auths/signup", form)
    assert answer.status == 200
    assert answer.json["role"] == "user" and answer.json["id"] != admin.account["id"]
    assert answer.json["permissions"]["workspace"]["models"] is False
    assert claims_of(answer.json["token"])["epoch"] == 0
    assert (
        Client(client.transport, answer.json["token"]).post("/api/v1/auths/add", form).status == 403
    )


def test_server_works_after_malformed_requests(admin: Client) -> None:
    for path in (ME, "/api/v1/auths/signout", "/api/v1/auths/signin", "/api/v1/auths/signup"):
        for body in (b"", b"{", b"\xff", b"[]" * 1000, b'{"email":"\\ud800","password":"x"}'):
            answer = Client(admin.transport).request("POST", path, body=body)
            assert 400 <= answer.status < 500 and answer.json["detail"]
    assert admin.get(ME).status == 200
