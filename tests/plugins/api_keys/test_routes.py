"""Keys over HTTP: made, told once, listed, switched off, revoked; and the one that clients show."""

import time

import pytest
from tests.api_keys import KEYS, NOT_ALLOWED, OUT_OF_BOUNDS, SINGLE, new_key, permit, with_key

from portico.testing import Client, InProcessApp

ME = "/api/v1/auths/"
NOT_FOUND = "We could not find what you're looking for :/"
NO_CREATION = "API key creation is not allowed in the environment."
NO_KEY = (
    "Oops! It looks like there's a hiccup. The API key is missing. "
    "Please make sure to provide a valid API key to access this feature."
)
INVALID_TOKEN = "Your session has expired or the token is invalid. Please sign in again."


def test_a_key_is_told_once_and_acts_as_its_owner(user: Client) -> None:
    made = new_key(user, name="nightly")
    assert made["api_key"].startswith("sk-") and len(made["api_key"]) == 35
    assert made["api_key"].startswith(made["prefix"]) and len(made["prefix"]) == 7
    (listed,) = user.get(KEYS).json
    assert "api_key" not in listed
    assert (listed["name"], listed["prefix"], listed["enabled"]) == (
        "nightly",
        made["prefix"],
        True,
    )
    program = Client(user.transport, made["api_key"])
    told = program.get(ME)
    assert (told.json["id"], told.json["token"]) == (user.account["id"], made["api_key"])
    assert told.json["expires_at"] is None and "set-cookie" not in told.headers
    assert program.get("/api/v1/chats/").status == 200


def test_somebody_has_several_keys_and_revokes_one(user: Client) -> None:
    first, second = new_key(user, name="a"), new_key(user, name="b")
    assert {one["id"] for one in user.get(KEYS).json} == {first["id"], second["id"]}
    assert user.delete(f"{KEYS}/{first['id']}").json is True
    assert Client(user.transport, first["api_key"]).get(ME).detail == INVALID_TOKEN
    assert Client(user.transport, second["api_key"]).get(ME).status == 200
    assert user.delete(f"{KEYS}/{first['id']}").status == 404


def test_a_key_is_renamed_switched_off_and_on(user: Client) -> None:
    made = new_key(user)
    program = Client(user.transport, made["api_key"])
    assert program.get(ME).status == 200
    update = f"{KEYS}/{made['id']}/update"
    changed = user.post(update, {"name": "resting", "enabled": False}).json
    assert (changed["name"], changed["enabled"]) == ("resting", False)
    assert program.get(ME).status == 401
    assert user.post(update, {"enabled": True}).json["name"] == "resting"
    assert program.get(ME).status == 200


def test_a_key_that_clients_show_is_read_again_replaced_and_dropped(user: Client) -> None:
    assert (user.get(SINGLE).status, user.get(SINGLE).detail) == (404, NO_KEY)
    other = new_key(user)
    first = user.post(SINGLE).json["api_key"]
    assert user.get(SINGLE).json == {"api_key": first}
    second = user.post(SINGLE).json["api_key"]
    assert user.get(SINGLE).json == {"api_key": second} and first != second
    assert Client(user.transport, first).get(ME).status == 401
    assert Client(user.transport, second).get(ME).status == 200
    assert user.delete(SINGLE).json is True
    assert user.get(SINGLE).status == 404
    assert user.delete(SINGLE).json is True
    assert Client(user.transport, second).get(ME).status == 401
    assert [one["id"] for one in user.get(KEYS).json] == [other["id"]]


def test_a_copy_that_cannot_be_read_is_no_key(user: Client, app: InProcessApp) -> None:
    user.post(SINGLE)

    async def spoil() -> None:
        from portico.db import execute

        await execute("UPDATE api_keys_key SET encrypted_key = 'v1.nonsense'")

    app.call(spoil)
    assert (user.get(SINGLE).status, user.get(SINGLE).detail) == (404, NO_KEY)
    assert user.post(SINGLE).status == 200 and user.get(SINGLE).status == 200


def test_an_administrator_needs_no_permission_for_keys(admin: Client) -> None:
    assert admin.post(SINGLE).status == 200
    assert with_key(admin).get("/api/v1/users/").status == 200


def test_without_the_permission_nobody_makes_or_uses_a_key(admin: Client) -> None:
    ben = admin.add_user("Ben")
    for path in (SINGLE, KEYS):
        assert (ben.post(path, {"name": "x"}).status, ben.post(path, {"name": "x"}).detail) == (
            403,
            NO_CREATION,
        )
    group = permit(admin, ben)
    program = with_key(ben)
    assert program.get(ME).status == 200
    admin.post(f"/api/v1/groups/id/{group}/users/remove", {"user_ids": [ben.account["id"]]})
    assert (program.get(ME).status, program.get(ME).detail) == (403, NOT_ALLOWED)


def test_where_keys_are_off_there_are_none(env: dict[str, str]) -> None:
    app = InProcessApp(env | {"ENABLE_API_KEYS": "false"})
    try:
        admin = app.client.sign_up("Ada")
        assert admin.post(SINGLE).detail == NO_CREATION
        unknown = Client(admin.transport, "sk-" + "0" * 32)
        assert (unknown.get(ME).status, unknown.get(ME).detail) == (403, NOT_ALLOWED)
    finally:
        app.close()


def test_somebody_has_no_more_keys_than_the_operator_allows(env: dict[str, str]) -> None:
    app = InProcessApp(env | {"PORTICO_API_KEYS_MOST": "2"})
    try:
        admin = app.client.sign_up("Ada")
        new_key(admin), admin.post(SINGLE)
        assert admin.post(KEYS, {"name": "x"}).status == 400
        assert admin.post(SINGLE).status == 200, "it takes the place of the one before"
    finally:
        app.close()


def test_every_key_ends_where_the_operator_says_so(env: dict[str, str]) -> None:
    app = InProcessApp(env | {"PORTICO_API_KEYS_LONGEST_DAYS": "7"})
    try:
        admin = app.client.sign_up("Ada")
        week = time.time() + 7 * 86400
        assert abs(new_key(admin)["expires_at"] - week) < 600
        assert (
            "at most 7 days"
            in admin.post(KEYS, {"name": "x", "expires_at": int(week) + 900}).detail
        )
    finally:
        app.close()


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ({"expires_at": 1}, "expires_at"),
        ({"endpoints": []}, "endpoints"),
        ({"endpoints": ["/"]}, "endpoints"),
        ({"endpoints": ["api/models"]}, "api/models"),
        ({"endpoints": ["/api/../models"]}, "/api/../models"),
        ({"endpoints": ["//api/models"]}, "//api/models"),
        ({"endpoints": ["/api/models?x"]}, "/api/models?x"),
        ({"endpoints": ["/" + "a" * 600]}, "endpoints"),
        ({"endpoints": [f"/a{n}" for n in range(101)]}, "endpoints"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["*"]}, "'*'"),
        ({"scopes": ["read", "sing"]}, "'sing'"),
        ({"scopes": ["chats:delete"]}, "'chats:delete'"),
        ({"scopes": ["chats:"]}, "'chats:'"),
        ({"scopes": [":read"]}, "':read'"),
    ],
)
def test_a_limit_that_means_nothing_is_named(
    admin: Client, form: dict[str, object], named: str
) -> None:
    answer = admin.post(KEYS, {"name": "x"} | form)
    assert answer.status == 400 and named in answer.detail
    assert admin.get(KEYS).json == []


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"name": ""},
        {"name": "x" * 129},
        {"name": "x", "expires_at": "soon"},
        {"name": "x", "expires_at": 2**63},
        {"name": "x", "expires_at": -1},
        {"name": "x", "scopes": "read"},
        {"name": "a\x01b"},
    ],
)
def test_a_form_that_does_not_fit_makes_no_key(admin: Client, form: dict[str, object]) -> None:
    assert admin.post(KEYS, form).status == 422
    assert admin.get(KEYS).json == []


def test_a_key_that_may_only_read_changes_nothing(user: Client) -> None:
    program = with_key(user, scopes=["read"])
    assert program.get("/api/v1/chats/").status == 200
    refused = program.post("/api/v1/chats/new", {"chat": {"title": "x"}})
    assert (refused.status, refused.detail) == (403, OUT_OF_BOUNDS)
    assert user.get("/api/v1/chats/").json == []


def test_a_key_for_one_area_stays_there(user: Client) -> None:
    program = with_key(user, scopes=["chats", "models:read"])
    assert program.post("/api/v1/chats/new", {"chat": {"title": "x"}}).status == 200
    assert program.get("/api/models").status == 200
    assert program.get("/api/v1/folders/").detail == OUT_OF_BOUNDS
    assert program.post("/api/v1/models/create", {}).detail == OUT_OF_BOUNDS


def test_a_collection_is_one_endpoint_with_and_without_the_slash(user: Client) -> None:
    for endpoint in ("/api/v1/chats", "/api/v1/chats/"):
        program = with_key(user, endpoints=[endpoint])
        for path in ("/api/v1/chats/", "/api/v1/chats", "/api/v1/chats/pinned"):
            assert program.get(path).status == 200, path
        assert program.get("/api/v1/folders/").detail == OUT_OF_BOUNDS


def test_the_operators_list_and_the_keys_own_both_have_to_admit(
    env: dict[str, str],
) -> None:
    app = InProcessApp(
        env
        | {
            "ENABLE_API_KEY_ENDPOINT_RESTRICTIONS": "true",
            "API_KEY_ALLOWED_ENDPOINTS": "/api/v1/chats, /api/models,nonsense,",
        }
    )
    try:
        admin = app.client.sign_up("Ada")
        free, held = (
            with_key(admin),
            with_key(admin, endpoints=["/api/v1/chats/pinned", "/api/v1/folders"]),
        )
        statuses = {
            path: (free.get(path).status, held.get(path).status)
            for path in (
                "/api/v1/chats/",
                "/api/v1/chats/pinned",
                "/api/models",
                "/api/v1/folders/",
            )
        }
        assert statuses == {
            "/api/v1/chats/": (200, 403),
            "/api/v1/chats/pinned": (200, 200),
            "/api/models": (200, 403),
            "/api/v1/folders/": (403, 403),
        }
    finally:
        app.close()


def test_restrictions_without_a_list_admit_to_nothing(env: dict[str, str]) -> None:
    app = InProcessApp(env | {"ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS": "true"})
    try:
        program = with_key(app.client.sign_up("Ada"))
        assert program.get("/api/models").detail == OUT_OF_BOUNDS
    finally:
        app.close()


def test_others_do_not_see_a_key_and_administrators_revoke_it(admin: Client, user: Client) -> None:
    made = new_key(user)
    eve = admin.add_user("Eve")
    for path in (f"{KEYS}/{made['id']}", f"{KEYS}/nothing"):
        assert (eve.delete(path).status, eve.delete(path).detail) == (404, NOT_FOUND)
    assert eve.get(f"{KEYS}/all").status == 403
    assert admin.post(f"{KEYS}/{made['id']}/update", {"enabled": False}).status == 404
    page = admin.get(f"{KEYS}/all?user_id={user.account['id']}").json
    assert page["total"] == 1
    assert (page["keys"][0]["owner"], page["keys"][0]["id"]) == ("ben@example.org", made["id"])
    assert "api_key" not in page["keys"][0]
    assert admin.get(f"{KEYS}/all?user_id=nobody").json == {"keys": [], "total": 0}
    assert admin.delete(f"{KEYS}/{made['id']}").json is True
    assert Client(user.transport, made["api_key"]).get(ME).status == 401


def test_keys_are_listed_in_pages(admin: Client) -> None:
    for number in range(31):
        new_key(admin, name=str(number))
    pages = [admin.get(f"{KEYS}/all?page={page}").json for page in (1, 2, 0, -1, 10**30)]
    assert [len(page["keys"]) for page in pages] == [30, 1, 30, 30, 0]
    assert {page["total"] for page in pages} == {31}


def test_making_and_revoking_a_key_is_in_the_audit_trail(admin: Client, user: Client) -> None:
    made = new_key(user, scopes=["read"])
    admin.delete(f"{KEYS}/{made['id']}")
    entries = admin.get(f"/api/v1/audit?kind=key&id={made['id']}").json["entries"]
    assert [(one["what"], one["author_name"]) for one in entries] == [
        ("key.revoked", "Ada"),
        ("key.created", "Ben"),
    ]
    assert entries[1]["became"]["scopes"] == ["read"]
    assert made["api_key"] not in str(entries) and "digest" not in str(entries)


def test_when_a_key_was_used_is_told_and_kept(user: Client, app: InProcessApp) -> None:
    made = new_key(user)
    assert user.get(KEYS).json[0]["last_used_at"] is None
    Client(user.transport, made["api_key"]).get(ME)
    used = user.get(KEYS).json[0]["last_used_at"]
    assert abs(used - time.time()) < 60

    async def stored() -> int | None:
        from portico.db import fetch_one
        from portico_api_keys.usage import KeyUsage

        uses = app.portico.context.services.require(KeyUsage)
        await uses.flush()
        found = await fetch_one("SELECT last_used_at FROM api_keys_key")
        await uses.flush()
        return found["last_used_at"] if found else None

    assert app.call(stored) == used


def test_a_key_in_use_is_written_down_once_a_minute(user: Client, app: InProcessApp) -> None:
    program = with_key(user)

    async def noted(*, at_once: bool) -> int:
        from portico.db import fetch_one
        from portico_api_keys.usage import KeyUsage

        await app.portico.context.services.require(KeyUsage).flush(at_once=at_once)
        found = await fetch_one("SELECT last_used_at FROM api_keys_key")
        return int(found["last_used_at"]) if found else 0

    async def long_ago() -> None:
        from portico.db import execute

        await execute("UPDATE api_keys_key SET last_used_at = 5")

    async def flushed() -> int:
        return await noted(at_once=False)

    async def hurried() -> int:
        return await noted(at_once=True)

    program.get(ME)
    assert app.call(flushed) > 5
    app.call(long_ago)
    deadline = time.time() + 30
    while app.call(flushed) == 5 and time.time() < deadline:
        program.get(ME)
        if app.call(hurried) > 5:
            break
    else:
        raise AssertionError("it was written before the minute was over, or never")


def test_an_expired_key_is_good_no_more(user: Client, app: InProcessApp) -> None:
    made = new_key(user, expires_at=int(time.time()) + 3600)
    program = Client(user.transport, made["api_key"])
    assert program.get(ME).status == 200

    async def a_year_passes() -> None:
        from portico.db import execute
        from portico_api_keys.authenticator import KeyCache

        await execute("UPDATE api_keys_key SET expires_at = 1")
        app.portico.context.services.require(KeyCache).clear()

    app.call(a_year_passes)
    assert (program.get(ME).status, program.get(ME).detail) == (401, INVALID_TOKEN)
    assert app.call(_still, app, made["id"]) == set()


def test_only_good_keys_still_stand_for_somebody(
    admin: Client, user: Client, app: InProcessApp
) -> None:
    kept, gone = new_key(user), new_key(user)
    user.delete(f"{KEYS}/{gone['id']}")
    assert app.call(_still, app, kept["id"], gone["id"], "nothing") == {kept["id"]}
    form = {"name": "Ben", "email": "ben@example.org", "role": "pending", "profile_image_url": ""}
    assert admin.post(f"/api/v1/users/{user.account['id']}/update", form).status == 200
    assert app.call(_still, app, kept["id"]) == set()


async def _still(app: InProcessApp, *ids: str) -> set[str]:
    (reader,) = (one for c in app.portico.contributions for one in c.token_authenticators)
    return await reader.still_valid(list(ids))
