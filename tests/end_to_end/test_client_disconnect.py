"""FT-05: clients who hang up in the middle of signing in, out, and looking, leave nothing of theirs to the next."""

import json
import random
import socket
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.effort import examples
from tests.open_connections import eventually
from tests.redis_server import RedisServer

from portico.testing import PASSWORD, Client, Response, ServerProcess

pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]

PEOPLE = 8
CALLS = examples(600)


def hang_up(
    server: ServerProcess, method: str, path: str, token: str | None, body: bytes, wait: float
) -> None:
    """Send a request, and reset the connection after so many seconds."""
    parts = urllib.parse.urlsplit(server.url)
    head = [f"{method} {path} HTTP/1.1", "host: x", f"content-length: {len(body)}"]
    head += ["content-type: application/json"]
    head += [f"authorization: Bearer {token}"] if token else []
    with socket.create_connection((parts.hostname or "", parts.port or 80), 10) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        connection.settimeout(max(wait, 0.0001))
        try:
            connection.recv(1)
        except TimeoutError:
            return


@pytest.mark.case("FT-05")
def test_cancelled_request_leaks_no_data_to_other_users(
    servers: Callable[..., ServerProcess], redis: RedisServer
) -> None:
    server = servers(
        REDIS_URL=redis.url, DATABASE_POOL_SIZE="3", PORTICO_RATE_LIMITS_ENABLED="true",
        PORTICO_RATE_LIMITS_ACCOUNT_ATTEMPTS="100000", PORTICO_RATE_LIMITS_ADDRESS_FAILURES="100000",
        PORTICO_RATE_LIMITS_ACCOUNT_FAILURES="100000",
    ).start()  # fmt: skip
    people: list[Client] = [server.client.sign_up(f"P{number}") for number in range(PEOPLE)]
    rng = random.Random(5)

    def storm(number: int) -> None:
        name, wait = f"p{number % PEOPLE}", rng.random() * 0.02
        form = json.dumps({"email": f"{name}@example.org", "password": PASSWORD}).encode()
        held = people[number % PEOPLE].token
        method, path, token, body = rng.choice(
            [
                ("POST", "/api/v1/auths/signin", None, form),
                ("GET", "/api/v1/auths/", held, b""),
                ("GET", "/api/v1/auths/sessions", held, b""),
                ("DELETE", "/api/v1/auths/sessions", held, b""),
            ]
        )
        hang_up(server, method, path, token, body, wait)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(storm, range(CALLS)))

    def sign_in(person: Client) -> Response:
        """Sign in. Passwords of those who hung up are still being hashed, and fill the queue: 429."""
        form = {"email": person.account["email"], "password": PASSWORD}
        answers: list[Response] = []

        def is_answered() -> bool:
            answers.append(server.client.post("/api/v1/auths/signin", form))
            return answers[-1].status != 429

        assert eventually(is_answered, 60)
        return answers[-1]

    for person in people * 3:
        me = person.get("/api/v1/auths/")
        assert me.status == 200 and me.json["email"] == person.account["email"]
        assert sign_in(person).json["id"] == person.account["id"]
        # Requests of those who hung up may still end all sessions but this one.
        ids = [one["id"] for one in person.get("/api/v1/auths/sessions").json["sessions"]]
        assert len(ids) == len(set(ids))
    assert eventually(lambda: server.client.get("/ready").json["reasons"] == [])
    with ThreadPoolExecutor(12) as threads:  # more than there are connections: none was lost
        assert set(
            threads.map(lambda one: one.get("/api/v1/auths/sessions").status, people * 6)
        ) == {200}
