"""Sockets end with their session, whatever ends it, on this instance and on another."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.identity import SessionRevoked
from portico.testing import PASSWORD, Client, InProcessApp

End = Callable[[Client, Client], object]


def update(admin: Client, user: Client, **change: str) -> None:
    form = {**user.account, **change}
    answer = admin.post(f"/api/v1/users/{user.account['id']}/update", form)
    assert answer.status == 200, answer


def change_password(_: Client, user: Client) -> None:
    form = {"password": PASSWORD, "new_password": "another horse battery staple"}
    assert user.post("/api/v1/auths/update/password", form).status == 200


WAYS: dict[str, End] = {
    "sign-out": lambda _, user: user.get("/api/v1/auths/signout"),
    "pending": lambda admin, user: update(admin, user, role="pending"),
    "deletion": lambda admin, user: admin.delete(f"/api/v1/users/{user.account['id']}"),
    "reset password": lambda admin, user: update(admin, user, password="another horse battery"),
}


@pytest.fixture
def other(app: InProcessApp, env: dict[str, str]) -> Iterator[InProcessApp]:
    """Another instance on the same database."""
    started = InProcessApp(env)
    yield started
    started.close()


@pytest.mark.case("AB-05")
@pytest.mark.case("AB-06")
@pytest.mark.case("AB-07")
@pytest.mark.parametrize("way", WAYS)
def test_socket_is_closed_on_every_instance(
    admin: Client, user: Client, other: InProcessApp, way: str
) -> None:
    there = Client(other.client.transport, user.token)
    sockets = [
        user.connect_socket(),
        user.connect_socket(transport="polling"),
        there.connect_socket(),
    ]
    WAYS[way](admin, user)
    for socket in sockets:
        socket.wait_until_closed()
    with user.connect_socket() as later:
        assert later.call("heartbeat", {}) == {"error": "Not authenticated"}
        assert later.call("user-join", {"auth": {"token": user.token}})["error"]


@pytest.mark.case("AB-05")
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_what_is_queued_when_the_session_ends_is_not_sent(
    app: InProcessApp, user: Client, transport: Any
) -> None:
    async def emit_and_end() -> None:
        for _ in range(10):
            await _emit(app, user.account["id"])
        session = app.portico.identity.signer.verify(str(user.token)).jti
        app.portico.events.publish(SessionRevoked(user.account["id"], session))

    socket = user.connect_socket(transport=transport)
    app.run(emit_and_end)
    socket.wait_until_closed()
    assert len(socket.received) <= 1  # one may have been on its way


@pytest.mark.case("AB-06")
def test_change_of_the_password_keeps_the_socket_of_the_session_that_changed_it(
    user: Client,
) -> None:
    other = user.sign_in("Ben")
    closing, staying = other.connect_socket(), user.connect_socket()
    change_password(user, user)
    closing.wait_until_closed()
    with staying:
        assert staying.call("heartbeat", {}) is None


@pytest.mark.case("AB-63")
def test_pending_account_is_admitted_by_user_join_after_its_promotion(
    admin: Client, user: Client
) -> None:
    pending = admin.add_user("Pat", role="pending")
    with pending.connect_socket() as socket:
        assert socket.call("heartbeat", {}) == {"error": "Not authenticated"}
        update(admin, pending, role="user")
        again = pending.sign_in("Pat")
        assert socket.call("user-join", {"auth": {"token": again.token}})["name"] == "Pat"
        assert socket.call("heartbeat", {}) is None


def test_second_user_join_moves_the_socket_to_the_other_account(
    app: InProcessApp, admin: Client, user: Client
) -> None:
    with user.connect_socket() as socket:
        assert socket.call("user-join", {"auth": {"token": admin.token}})["name"] == "Ada"
        app.run(_emit, app, user.account["id"])
        assert socket.events() == []
        app.run(_emit, app, admin.account["id"])
        assert socket.events() == [("events", 1)]
        user.get("/api/v1/auths/signout")  # of the account before
        assert socket.call("heartbeat", {}) is None
        admin.get("/api/v1/auths/signout")
        socket.wait_until_closed()


def test_refused_user_join_leaves_the_socket_as_it_was(user: Client) -> None:
    with user.connect_socket() as socket:
        assert socket.call("user-join", {"auth": {"token": "e.y.x"}})["error"]
        assert socket.call("heartbeat", {}) is None


def test_heartbeat_marks_the_account_as_active(
    app: InProcessApp, user: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    with user.connect_socket() as socket:
        monkeypatch.setattr(app.portico.identity.presence, "touch", seen.append)
        socket.call("heartbeat", {})
    assert seen == [user.account["id"]]


async def _emit(app: InProcessApp, account_id: str) -> None:
    app.portico.sockets.emit_to_account(account_id, "events", 1)
