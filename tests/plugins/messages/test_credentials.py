"""The header `x-api-key`, as Anthropic's clients send a key, is held to the same limits as a bearer token."""

from typing import Any

import pytest
from tests.api_keys import ON, new_key
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.upstream import Upstream

from portico.testing import Client, Response

FORM = {"model": "good", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    return env | upstream.environment | ON


def ask(client: Client, key: str, name: str = "x-api-key") -> Response:
    return Client(client.transport).post("/api/v1/messages", FORM, headers={name: key})


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({}, 200),
        ({"endpoints": ["/api/v1/messages"]}, 200),
        ({"endpoints": ["/api/v1/models"]}, 403),
        ({"scopes": ["read"]}, 403),
    ],
)
def test_limits_of_a_key_apply_in_either_header(admin: Client, limits: Any, status: int) -> None:
    key = new_key(admin, **limits)["api_key"]
    by_header, by_bearer = ask(admin, key), ask(admin, f"Bearer {key}", "authorization")
    assert by_header.status == by_bearer.status == status
    if status == 403:
        assert by_header.json == by_bearer.json
        assert by_header.json["error"]["type"] == "permission_error"


def test_revoked_key_is_refused(admin: Client) -> None:
    made = new_key(admin)
    assert ask(admin, made["api_key"]).status == 200
    assert admin.delete(f"/api/v1/auths/api_keys/{made['id']}").status == 200
    answer = ask(admin, made["api_key"])
    assert (answer.status, answer.json["error"]["type"]) == (401, "authentication_error")


def test_key_counts_beside_the_authorization_of_a_proxy(admin: Client) -> None:
    key, other = new_key(admin)["api_key"], new_key(admin, endpoints=["/api/models"])["api_key"]
    client = Client(admin.transport)
    foreign = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJwcm94eSJ9.c2lnbmF0dXJl"
    cases = [
        ("Basic cHJveHk6c2VjcmV0", key, 200),
        ("Negotiate YII=", key, 200),
        (f"Bearer {foreign}", key, 200),
        ("Bearer opaque", key, 200),
        ("Bearer opaque", other, 403),  # with the limits of the key
        ("Bearer opaque", f"{key}x", 401),
        ("Bearer opaque", "opaque", 401),
        ("Bearer opaque", "", 401),
        (f"Bearer {admin.token}", f"{key}x", 200),  # what else a proxy may use the header for
        (f"Bearer {key}", "of a gateway", 200),
        (f"Bearer {other}", key, 403),
        (f"Bearer {key}x", key, 401),
    ]
    for authorization, given, status in cases:
        headers = {"authorization": authorization, "x-api-key": given}
        answer = client.post("/api/v1/messages", FORM, headers=headers)
        assert answer.status == status, (authorization, given, answer)
    twice = [
        ("authorization", "Basic eDp5"),
        ("authorization", "Bearer opaque"),
        ("x-api-key", key),
    ]
    assert client.post("/api/v1/messages", FORM, headers=twice).status == 200
    # A cookie counts only without a bearer token, since a page of another site may have caused it.
    cookie = {"authorization": "Bearer opaque", "cookie": f"token={admin.token}"}
    assert client.get("/api/v1/auths/", headers=cookie).status == 401


def test_token_of_a_proxy_is_not_shown_to_the_caller(admin: Client) -> None:
    client, key = Client(admin.transport), new_key(admin)["api_key"]
    for given in (key, admin.token):
        headers = {"authorization": "Bearer secret-of-a-proxy", "x-api-key": given}
        answer = client.get("/api/v1/auths/", headers=headers)
        assert (answer.status, answer.json["token"]) == (200, given)
        assert "secret-of-a-proxy" not in str(answer)
