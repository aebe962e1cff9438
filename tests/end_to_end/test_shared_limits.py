"""Two instances on one database count attempts together on all endpoints, with Redis and without."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from portico.testing import Client, InProcessApp

pytestmark = pytest.mark.timeout(180)

SETTINGS = {
    "ENABLE_API_KEYS": "true",
    "ENABLE_LDAP": "true",
    "LDAP_SERVER_HOST": "127.0.0.1",
    "LDAP_SERVER_PORT": "1",
    "LDAP_USE_TLS": "false",
    "LDAP_SEARCH_BASE": "dc=example,dc=org",
}
#: Attempts at each server; and how many of them pass at both together.
ATTEMPTS = 40
FOR_ACCOUNT, FOR_ADDRESS, COPIES = 15, 30, 60


def checked(clients: list[Client], attempt: Callable[[Client], int]) -> int:
    """How many of many parallel attempts at all servers were looked at."""
    statuses: list[int] = []

    def work(client: Client) -> None:
        for _ in range(ATTEMPTS // 4):
            statuses.append(attempt(client))

    threads = [threading.Thread(target=work, args=(one,)) for one in clients for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == ATTEMPTS * len(clients) and max(statuses) < 503
    return sum(status != 429 for status in statuses)


@pytest.fixture(params=["database", "redis"])
def env(env: dict[str, str], request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    if request.param == "database":
        return env | SETTINGS
    url = request.getfixturevalue("shared_redis")
    # Without Redis, attempts are counted in the database from zero: on a busy machine it is not given up so soon.
    patient = {"PORTICO_REDIS_TIMEOUT": "5"}
    return env | SETTINGS | patient | {"REDIS_URL": url, "REDIS_KEY_PREFIX": str(tmp_path)}


@pytest.mark.both_databases
def test_two_instances_share_rate_limits(
    two_apps: tuple[InProcessApp, InProcessApp],
) -> None:
    ada = two_apps[0].client.sign_up("Ada")

    def at(address: str) -> list[Client]:
        return [app.client_at(address) for app in two_apps]

    chat_id = ada.post("/api/v1/chats/new", {"chat": {"title": "x"}}).json["id"]
    copying = [Client(one.transport, ada.token) for one in at("127.0.0.7")]
    clone = f"/api/v1/chats/{chat_id}/clone"
    assert checked(copying, lambda who: who.post(clone, {}).status) == COPIES

    wrong = {"email": "ada@example.org", "password": "wrong"}
    assert (
        checked(at("127.0.0.2"), lambda who: who.post("/api/v1/auths/signin", wrong).status)
        == FOR_ACCOUNT
    )
    taken = {"name": "Ada", "email": "ada@example.org", "password": "long enough"}
    assert (
        checked(at("127.0.0.3"), lambda who: who.post("/api/v1/auths/signup", taken).status)
        == FOR_ACCOUNT
    )
    ldap = {"user": "ada", "password": "wrong"}
    assert (
        checked(at("127.0.0.4"), lambda who: who.post("/api/v1/auths/ldap", ldap).status)
        == FOR_ACCOUNT
    )
    form = {"password": "wrong", "new_password": "long enough"}
    signed_in = [Client(one.transport, ada.token) for one in at("127.0.0.5")]
    assert (
        checked(signed_in, lambda who: who.post("/api/v1/auths/update/password", form).status)
        == FOR_ACCOUNT
    )
    bad = [Client(one.transport, "sk-" + "0" * 40) for one in at("127.0.0.6")]
    assert checked(bad, lambda who: who.get("/api/v1/chats/").status) == FOR_ADDRESS
