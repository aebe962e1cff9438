"""The list of sessions: reading it, ending one session or all of them."""

from typing import Any

import pytest

from portico.testing import Client, CommandLine, InProcessApp

MINE = "/api/v1/auths/sessions"
NOWHERE = "We could not find what you're looking for :/"


def own_sessions(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(MINE).json["sessions"]
    return found


def sessions_path(client: Client) -> str:
    return f"/api/v1/users/{client.account['id']}/sessions"


def is_signed_in(client: Client) -> bool:
    return client.get("/api/v1/auths/").status == 200


def test_user_lists_own_sessions(user: Client, app: InProcessApp) -> None:
    form = {"email": "ben@example.org", "password": "correct horse battery staple"}
    phone = app.client_at("127.0.0.2").post(
        "/api/v1/auths/signin", form, headers={"user-agent": "Phone/1"}
    )
    listed = user.get(MINE).json
    assert listed["total"] == 2
    newest = next(one for one in listed["sessions"] if not one["current"])
    assert (newest["address"], newest["user_agent"]) == ("127.0.0.2", "Phone/1")
    assert newest["method"] == "password"
    assert newest["created_at"] <= newest["last_seen_at"] < newest["expires_at"]
    assert [one["current"] for one in listed["sessions"]].count(True) == 1
    assert phone.json["token"] not in str(listed)


def test_session_list_has_pages(admin: Client, app: InProcessApp) -> None:
    for number in range(40):
        app.client_at(f"127.0.1.{number}").sign_in("Ada")
    pages = [admin.get(f"{MINE}?page={page}").json for page in (1, 2, 3, 10**18, -1)]
    assert [len(page["sessions"]) for page in pages] == [30, 11, 0, 0, 30]
    assert {page["total"] for page in pages} == {41}
    assert len({one["id"] for page in pages[:2] for one in page["sessions"]}) == 41


def test_ending_one_session_keeps_the_others(user: Client) -> None:
    other, third = user.sign_in("Ben"), user.sign_in("Ben")
    (current,) = (one["id"] for one in own_sessions(other) if one["current"])
    assert user.delete(f"{MINE}/{current}").json is True
    assert (is_signed_in(user), is_signed_in(other), is_signed_in(third)) == (True, False, True)
    assert user.delete(f"{MINE}/{current}").status == 404


def test_ending_other_sessions_keeps_the_current_one(user: Client) -> None:
    others = [user.sign_in("Ben") for _ in range(3)]
    assert user.delete(MINE).json is True
    assert is_signed_in(user) and not any(map(is_signed_in, others))
    assert [one["current"] for one in own_sessions(user)] == [True]


def test_session_of_another_user_cannot_be_ended(admin: Client, user: Client) -> None:
    (foreign,) = (one["id"] for one in own_sessions(admin))
    for session_id in (foreign, "nothing", "a%00b", "%F0%9F%98%80"):
        answer = user.delete(f"{MINE}/{session_id}")
        assert (answer.status, answer.detail) == (404, NOWHERE)
    assert is_signed_in(admin)


def test_administrators_list_and_end_sessions_of_users(admin: Client, user: Client) -> None:
    other = user.sign_in("Ben")
    listed = admin.get(sessions_path(user)).json
    assert listed["total"] == 2 and not any(one["current"] for one in listed["sessions"])
    (of_other,) = (one["id"] for one in own_sessions(other) if one["current"])
    assert admin.delete(f"{sessions_path(user)}/{of_other}").json is True
    assert is_signed_in(user) and not is_signed_in(other)
    assert admin.delete(sessions_path(user)).json is True
    assert not is_signed_in(user) and is_signed_in(admin)
    entries = [(one["event"], one["author"]) for one in admin.get("/api/v1/audit").json["entries"]]
    author = admin.account["id"]
    assert ("session.ended", author) in entries and ("session.all_ended", author) in entries


def test_users_cannot_list_or_end_sessions_of_others(admin: Client, user: Client) -> None:
    assert user.get(sessions_path(admin)).status == 403
    assert user.delete(sessions_path(admin)).status == 403
    assert user.delete(f"{sessions_path(admin)}/{own_sessions(admin)[0]['id']}").status == 403
    assert is_signed_in(admin)


def test_sessions_of_the_first_administrator_cannot_be_ended_by_others(admin: Client) -> None:
    second = admin.add_user("Cora", role="admin")
    assert second.delete(sessions_path(admin)).status == 403
    assert second.delete(f"{sessions_path(admin)}/{own_sessions(admin)[0]['id']}").status == 403
    assert is_signed_in(admin)


def test_sessions_of_an_unknown_account_are_not_found(admin: Client) -> None:
    for path in ("/api/v1/users/unknown/sessions", "/api/v1/users/a%00b/sessions"):
        assert admin.get(path).status == 404
        assert admin.delete(path).status == 404
        assert admin.delete(f"{path}/x").status == 404


@pytest.mark.case("AB-16")
def test_pending_account_cannot_list_sessions(admin: Client) -> None:
    pending = admin.add_user("Pat", role="pending")
    assert pending.get(MINE).status == 403 and pending.delete(MINE).status == 403


@pytest.mark.case("FT-16")
def test_last_seen_time_is_not_written_with_each_request(user: Client, app: InProcessApp) -> None:
    def stored() -> set[int]:
        async def read() -> set[int]:
            from portico.db import fetch_all

            return {one["last_seen_at"] for one in await fetch_all("SELECT * FROM portico_session")}

        found: set[int] = app.run(read)
        return found

    assert is_signed_in(user)  # the first request after a pause is written
    app.run(app.portico.identity.session_presence.flush)
    before = stored()
    for _ in range(50):
        assert is_signed_in(user)
    app.run(app.portico.identity.session_presence.flush)
    assert stored() == before


def test_user_commands_list_and_end_sessions(user: Client, cli: CommandLine) -> None:
    output = cli("user", "sessions", "ben@example.org").stdout
    assert "password" in output and "127.0.0.1" in output
    cli("user", "sign-out", "ben@example.org")
    assert "not signed in" in cli("user", "sessions", "ben@example.org").stdout
    assert cli("user", "sessions", "ben@example.org", "--json").stdout.strip() == "[]"
    assert "No account has" in cli("user", "sign-out", "x@example.org", code=1).stderr
