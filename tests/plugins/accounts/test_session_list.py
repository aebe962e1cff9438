"""Where somebody is signed in: listed, and ended one by one or all at once."""

from typing import Any

from portico.testing import Client, CommandLine, InProcessApp

MINE = "/api/v1/auths/sessions"
NOWHERE = "We could not find what you're looking for :/"


def mine(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(MINE).json["sessions"]
    return found


def theirs(client: Client) -> str:
    return f"/api/v1/users/{client.account['id']}/sessions"


def is_in(client: Client) -> bool:
    return client.get("/api/v1/auths/").status == 200


def test_somebody_sees_where_they_are_signed_in(user: Client, app: InProcessApp) -> None:
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


def test_a_long_list_comes_in_pages(admin: Client, app: InProcessApp) -> None:
    for number in range(40):
        app.client_at(f"127.0.1.{number}").sign_in("Ada")
    pages = [admin.get(f"{MINE}?page={page}").json for page in (1, 2, 3, 10**18, -1)]
    assert [len(page["sessions"]) for page in pages] == [30, 11, 0, 0, 30]
    assert {page["total"] for page in pages} == {41}
    assert len({one["id"] for page in pages[:2] for one in page["sessions"]}) == 41


def test_signing_out_in_one_place_leaves_the_others(user: Client) -> None:
    other, third = user.sign_in("Ben"), user.sign_in("Ben")
    (current,) = (one["id"] for one in mine(other) if one["current"])
    assert user.delete(f"{MINE}/{current}").json is True
    assert (is_in(user), is_in(other), is_in(third)) == (True, False, True)
    assert user.delete(f"{MINE}/{current}").status == 404


def test_signing_out_everywhere_else_keeps_this_one(user: Client) -> None:
    others = [user.sign_in("Ben") for _ in range(3)]
    assert user.delete(MINE).json is True
    assert is_in(user) and not any(map(is_in, others))
    assert [one["current"] for one in mine(user)] == [True]


def test_nobody_ends_what_is_not_theirs(admin: Client, user: Client) -> None:
    (foreign,) = (one["id"] for one in mine(admin))
    for session_id in (foreign, "nothing", "a%00b", "%F0%9F%98%80"):
        answer = user.delete(f"{MINE}/{session_id}")
        assert (answer.status, answer.detail) == (404, NOWHERE)
    assert is_in(admin)


def test_administrators_see_and_end_the_sign_ins_of_others(admin: Client, user: Client) -> None:
    other = user.sign_in("Ben")
    listed = admin.get(theirs(user)).json
    assert listed["total"] == 2 and not any(one["current"] for one in listed["sessions"])
    (of_other,) = (one["id"] for one in mine(other) if one["current"])
    assert admin.delete(f"{theirs(user)}/{of_other}").json is True
    assert is_in(user) and not is_in(other)
    assert admin.delete(theirs(user)).json is True
    assert not is_in(user) and is_in(admin)
    told = [(one["what"], one["author"]) for one in admin.get("/api/v1/audit").json["entries"]]
    author = admin.account["id"]
    assert ("sign_in.ended", author) in told and ("sign_in.all_ended", author) in told


def test_others_do_neither(admin: Client, user: Client) -> None:
    assert user.get(theirs(admin)).status == 403
    assert user.delete(theirs(admin)).status == 403
    assert user.delete(f"{theirs(admin)}/{mine(admin)[0]['id']}").status == 403
    assert is_in(admin)


def test_the_first_administrator_is_signed_out_by_nobody_else(admin: Client) -> None:
    second = admin.add_user("Cora", role="admin")
    assert second.delete(theirs(admin)).status == 403
    assert second.delete(f"{theirs(admin)}/{mine(admin)[0]['id']}").status == 403
    assert is_in(admin)


def test_sign_ins_of_nobody_are_not_found(admin: Client) -> None:
    for path in ("/api/v1/users/nobody/sessions", "/api/v1/users/a%00b/sessions"):
        assert admin.get(path).status == 404
        assert admin.delete(path).status == 404
        assert admin.delete(f"{path}/x").status == 404


def test_AB_16_a_pending_account_has_no_list(admin: Client) -> None:
    pending = admin.add_user("Pat", role="pending")
    assert pending.get(MINE).status == 403 and pending.delete(MINE).status == 403


def test_FT_16_when_a_sign_in_was_seen_is_not_written_with_each_request(
    user: Client, app: InProcessApp
) -> None:
    def stored() -> set[int]:
        async def read() -> set[int]:
            from portico.db import fetch_all

            return {one["last_seen_at"] for one in await fetch_all("SELECT * FROM portico_session")}

        found: set[int] = app.call(read)
        return found

    app.call(app.portico.identity.session_presence.flush)
    before = stored()
    for _ in range(50):
        assert is_in(user)
    app.call(app.portico.identity.session_presence.flush)
    assert stored() == before


def test_the_command_line_lists_and_ends_them(user: Client, cli: CommandLine) -> None:
    said = cli("user", "sessions", "ben@example.org").stdout
    assert "password" in said and "127.0.0.1" in said
    cli("user", "sign-out", "ben@example.org")
    assert "not signed in" in cli("user", "sessions", "ben@example.org").stdout
    assert cli("user", "sessions", "ben@example.org", "--json").stdout.strip() == "[]"
    assert "Nobody has" in cli("user", "sign-out", "x@example.org", code=1).stderr
