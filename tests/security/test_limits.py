"""Rate limits against guessing passwords."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog

from portico.testing import PASSWORD, Client, InProcessApp, Response, ServerProcess

LIMITED = "API rate limit exceeded"
ATTACKER_ADDRESS, OTHER_ADDRESS = "127.0.0.2", "127.0.0.3"
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP")


def guess(client: Client, email: str, headers: dict[str, str] | None = None) -> Response:
    form = {"email": email, "password": "not it"}
    return client.post("/api/v1/auths/signin", form, headers=headers or {})


def is_limited(answer: Response) -> bool:
    if answer.status != 429:
        assert answer.status == 400, answer
        return False
    assert answer.detail == LIMITED
    assert 1 <= int(answer.headers["retry-after"]) <= 180
    return True


@pytest.mark.case("AB-11")
def test_wrong_passwords_do_not_block_the_owner(admin: Client, app: InProcessApp) -> None:
    attacker = app.client_at(ATTACKER_ADDRESS)
    refused = [is_limited(guess(attacker, "ada@example.org")) for _ in range(100)]
    assert refused == [False] * 15 + [True] * 85
    assert app.client.sign_in("Ada").get("/api/v1/auths/").status == 200
    assert app.client_at(OTHER_ADDRESS).sign_in("Ada").token


@pytest.mark.case("AB-12")
def test_address_has_thirty_failures_over_all_accounts(admin: Client, app: InProcessApp) -> None:
    admin.add_user("Ben")
    attacker = app.client_at(ATTACKER_ADDRESS)
    refused = [is_limited(guess(attacker, f"{n}@example.org")) for n in range(200)]
    assert refused == [False] * 30 + [True] * 170
    form = {"name": "Eve", "email": "ben@example.org", "password": PASSWORD}
    assert app.client.sign_in("Ben").token
    assert app.client_at(ATTACKER_ADDRESS).post("/api/v1/auths/signin", form).status == 429


@pytest.mark.both_databases
@pytest.mark.case("AB-12")
def test_concurrent_attempts_respect_the_limit(admin: Client, app: InProcessApp) -> None:
    attacker = app.client_at(ATTACKER_ADDRESS)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda n: guess(attacker, f"{n}@example.org"), range(100)))
    assert [is_limited(one) for one in answers].count(False) == 30


@pytest.mark.case("AB-12")
def test_sign_up_attempts_are_limited(admin: Client, app: InProcessApp) -> None:
    attacker = app.client_at(ATTACKER_ADDRESS)
    form = {"name": "Eve", "email": "ada@example.org", "password": PASSWORD}
    statuses = [attacker.post("/api/v1/auths/signup", form).status for _ in range(20)]
    assert statuses == [400] * 15 + [429] * 5


@pytest.mark.case("AB-13")
def test_forwarded_headers_do_not_change_the_address(admin: Client, app: InProcessApp) -> None:
    attacker = app.client_at(ATTACKER_ADDRESS)
    refused = [
        is_limited(
            guess(
                attacker,
                f"{n}@example.org",
                {name: f"203.0.113.{n % 250}" for name in FORWARDED}
                | {"Forwarded": f"for=203.0.113.{n % 250}"},
            )
        )
        for n in range(100)
    ]
    assert refused == [False] * 30 + [True] * 70


@pytest.mark.case("AB-12")
def test_many_users_of_one_address_can_sign_in(admin: Client, app: InProcessApp) -> None:
    with ThreadPoolExecutor(20) as threads:
        users = list(threads.map(lambda n: app.client.sign_up(f"P{n}"), range(60)))
    assert len({one.token for one in users}) == 60


def test_each_refused_attempt_is_logged(admin: Client, app: InProcessApp) -> None:
    attacker = app.client_at(ATTACKER_ADDRESS)
    with structlog.testing.capture_logs() as events:
        for _ in range(20):
            guess(attacker, "ada@example.org")
    refused = [event for event in events if event["event"] == "request refused"]
    assert [event["status"] for event in refused] == [400] * 15 + [429] * 5
    assert {event["client"] for event in refused} == {ATTACKER_ADDRESS}
    assert refused[-1]["reason"] == LIMITED and refused[-1]["route"] == "/api/v1/auths/signin"


@pytest.mark.slow
@pytest.mark.case("AB-11")
def test_attempts_are_limited_on_a_server(server: ServerProcess) -> None:
    server.client.sign_up("Ada")
    attacker = server.client_at(ATTACKER_ADDRESS)
    refused = [
        is_limited(guess(attacker, "ada@example.org", {"X-Forwarded-For": f"203.0.113.{n}"}))
        for n in range(40)
    ]
    assert refused == [False] * 15 + [True] * 25
    assert server.client.sign_in("Ada").token
