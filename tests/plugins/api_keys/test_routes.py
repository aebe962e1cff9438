"""API keys over HTTP: create, list, disable, revoke; and the key that clients show."""

import time
from collections.abc import Callable

import pytest
from tests.api_keys import KEYS, NOT_ALLOWED, OUT_OF_BOUNDS, SINGLE, new_key, permit, with_key
from tests.error_details import NOT_FOUND
from tests.one_database import on_sqlite

from portico.boot import Application
from portico.db import now
from portico.testing import Client, InProcessApp
from portico_api_keys.components import ApiKeysPlugin

ME = "/api/v1/auths/"
NO_CREATION = "API key creation is not allowed in the environment."
NO_KEY = (
    "Oops! It looks like there's a hiccup. The API key is missing. "
    "Please make sure to provide a valid API key to access this feature."
)
INVALID_TOKEN = "Your session has expired or the token is invalid. Please sign in again."


def test_key_is_returned_once_and_acts_as_its_owner(user: Client) -> None:
    created = new_key(user, name="nightly")
    assert created["api_key"].startswith("sk-") and len(created["api_key"]) == 35
    assert created["api_key"].startswith(created["prefix"]) and len(created["prefix"]) == 7
    (listed,) = user.get(KEYS).json
    assert "api_key" not in listed
    assert (listed["name"], listed["prefix"], listed["enabled"]) == (
        "nightly",
        created["prefix"],
        True,
    )
    program = Client(user.transport, created["api_key"])
    session = program.get(ME)
    assert (session.json["id"], session.json["token"]) == (user.account["id"], created["api_key"])
    assert session.json["expires_at"] is None and "set-cookie" not in session.headers
    assert program.get("/api/v1/chats/").status == 200


def test_revoking_one_key_keeps_the_others(user: Client) -> None:
    first, second = new_key(user, name="a"), new_key(user, name="b")
    assert {one["id"] for one in user.get(KEYS).json} == {first["id"], second["id"]}
    assert user.delete(f"{KEYS}/{first['id']}").json is True
    assert Client(user.transport, first["api_key"]).get(ME).detail == INVALID_TOKEN
    assert Client(user.transport, second["api_key"]).get(ME).status == 200
    assert user.delete(f"{KEYS}/{first['id']}").status == 404


@pytest.mark.both_databases
def test_key_is_renamed_disabled_and_enabled(user: Client) -> None:
    created = new_key(user)
    program = Client(user.transport, created["api_key"])
    assert program.get(ME).status == 200
    update = f"{KEYS}/{created['id']}/update"
    changed = user.post(update, {"name": "resting", "enabled": False}).json
    assert (changed["name"], changed["enabled"]) == ("resting", False)
    assert program.get(ME).status == 401
    assert user.post(update, {"enabled": True}).json["name"] == "resting"
    assert program.get(ME).status == 200


def test_client_key_is_shown_replaced_and_revoked(user: Client) -> None:
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


def test_client_key_that_cannot_be_decrypted_is_not_found(user: Client, app: InProcessApp) -> None:
    user.post(SINGLE)

    async def corrupt() -> None:
        from portico.db import execute

        await execute("UPDATE api_keys_key SET encrypted_key = 'v1.nonsense'")

    app.run(corrupt)
    assert (user.get(SINGLE).status, user.get(SINGLE).detail) == (404, NO_KEY)
    assert user.post(SINGLE).status == 200 and user.get(SINGLE).status == 200


def test_administrators_need_no_permission_for_keys(admin: Client) -> None:
    assert admin.post(SINGLE).status == 200
    assert with_key(admin).get("/api/v1/users/").status == 200


def test_keys_of_users_without_the_permission_are_refused(admin: Client) -> None:
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


def test_keys_are_refused_where_they_are_switched_off(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env | {"ENABLE_API_KEYS": "false"}, complete_schema)
    try:
        admin = app.client.sign_up("Ada")
        assert admin.post(SINGLE).detail == NO_CREATION
        unknown = Client(admin.transport, "sk-" + "0" * 32)
        assert (unknown.get(ME).status, unknown.get(ME).detail) == (403, NOT_ALLOWED)
    finally:
        app.close()


def test_number_of_keys_per_user_is_limited(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env | {"PORTICO_API_KEYS_MAX_KEYS": "2"}, complete_schema)
    try:
        admin = app.client.sign_up("Ada")
        new_key(admin), admin.post(SINGLE)
        assert admin.post(KEYS, {"name": "x"}).status == 400
        assert admin.post(SINGLE).status == 200, "it replaces the previous one"
    finally:
        app.close()


def test_expiry_of_new_keys_is_limited(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env | {"PORTICO_API_KEYS_MAX_LIFETIME_DAYS": "7"}, complete_schema)
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


@on_sqlite
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
def test_invalid_restriction_is_refused_and_named(
    admin: Client, form: dict[str, object], named: str
) -> None:
    answer = admin.post(KEYS, {"name": "x"} | form)
    assert answer.status == 400 and named in answer.detail
    assert admin.get(KEYS).json == []


@on_sqlite
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
def test_invalid_form_creates_no_key(admin: Client, form: dict[str, object]) -> None:
    assert admin.post(KEYS, form).status == 422
    assert admin.get(KEYS).json == []


def test_key_with_scope_read_cannot_write(user: Client) -> None:
    program = with_key(user, scopes=["read"])
    assert program.get("/api/v1/chats/").status == 200
    refused = program.post("/api/v1/chats/new", {"chat": {"title": "x"}})
    assert (refused.status, refused.detail) == (403, OUT_OF_BOUNDS)
    assert user.get("/api/v1/chats/").json == []


def test_key_is_refused_outside_its_scopes(user: Client) -> None:
    program = with_key(user, scopes=["chats", "models:read"])
    assert program.post("/api/v1/chats/new", {"chat": {"title": "x"}}).status == 200
    assert program.get("/api/models").status == 200
    assert program.get("/api/v1/folders/").detail == OUT_OF_BOUNDS
    assert program.post("/api/v1/models/create", {}).detail == OUT_OF_BOUNDS


def test_endpoint_matches_with_and_without_trailing_slash(user: Client) -> None:
    for endpoint in ("/api/v1/chats", "/api/v1/chats/"):
        program = with_key(user, endpoints=[endpoint])
        for path in ("/api/v1/chats/", "/api/v1/chats", "/api/v1/chats/pinned"):
            assert program.get(path).status == 200, path
        assert program.get("/api/v1/folders/").detail == OUT_OF_BOUNDS


def test_endpoint_must_be_allowed_by_operator_and_key(
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(
        env
        | {
            "ENABLE_API_KEY_ENDPOINT_RESTRICTIONS": "true",
            "API_KEY_ALLOWED_ENDPOINTS": "/api/v1/chats, /api/models,nonsense,",
        },
        complete_schema,
    )
    try:
        admin = app.client.sign_up("Ada")
        unrestricted, restricted = (
            with_key(admin),
            with_key(admin, endpoints=["/api/v1/chats/pinned", "/api/v1/folders"]),
        )
        statuses = {
            path: (unrestricted.get(path).status, restricted.get(path).status)
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


def test_restriction_with_empty_list_allows_nothing(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env | {"ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS": "true"}, complete_schema)
    try:
        program = with_key(app.client.sign_up("Ada"))
        assert program.get("/api/models").detail == OUT_OF_BOUNDS
    finally:
        app.close()


def test_key_is_hidden_from_other_users_and_revoked_by_administrators(
    admin: Client, user: Client
) -> None:
    created = new_key(user)
    eve = admin.add_user("Eve")
    for path in (f"{KEYS}/{created['id']}", f"{KEYS}/nothing"):
        assert (eve.delete(path).status, eve.delete(path).detail) == (404, NOT_FOUND)
    assert eve.get(f"{KEYS}/all").status == 403
    assert admin.post(f"{KEYS}/{created['id']}/update", {"enabled": False}).status == 404
    page = admin.get(f"{KEYS}/all?user_id={user.account['id']}").json
    assert page["total"] == 1
    assert (page["keys"][0]["owner"], page["keys"][0]["id"]) == ("ben@example.org", created["id"])
    assert "api_key" not in page["keys"][0]
    assert admin.get(f"{KEYS}/all?user_id=unknown").json == {"keys": [], "total": 0}
    assert admin.delete(f"{KEYS}/{created['id']}").json is True
    assert Client(user.transport, created["api_key"]).get(ME).status == 401


def test_list_of_all_keys_has_pages(admin: Client) -> None:
    for number in range(31):
        new_key(admin, name=str(number))
    pages = [admin.get(f"{KEYS}/all?page={page}").json for page in (1, 2, 0, -1, 10**30)]
    assert [len(page["keys"]) for page in pages] == [30, 1, 30, 30, 0]
    assert {page["total"] for page in pages} == {31}


def test_creating_and_revoking_a_key_is_in_the_audit_log(admin: Client, user: Client) -> None:
    created = new_key(user, scopes=["read"])
    admin.delete(f"{KEYS}/{created['id']}")
    entries = admin.get(f"/api/v1/audit?resource_kind=api_key&resource_id={created['id']}").json[
        "entries"
    ]
    assert [(one["event"], one["author_name"]) for one in entries] == [
        ("api_key.revoked", "Ada"),
        ("api_key.created", "Ben"),
    ]
    assert entries[1]["new"]["scopes"] == ["read"]
    assert created["api_key"] not in str(entries) and "digest" not in str(entries)


def test_last_use_of_a_key_is_shown_and_stored(user: Client, app: InProcessApp) -> None:
    created = new_key(user)
    assert user.get(KEYS).json[0]["last_used_at"] is None
    Client(user.transport, created["api_key"]).get(ME)
    used = user.get(KEYS).json[0]["last_used_at"]
    assert abs(used - time.time()) < 60

    async def stored() -> int | None:
        from portico.db import fetch_one

        uses = components(app).usage
        await uses.flush()
        found = await fetch_one("SELECT last_used_at FROM api_keys_key")
        await uses.flush()
        return found["last_used_at"] if found else None

    assert app.run(stored) == used


def test_last_use_is_written_at_most_once_a_minute(
    user: Client, app: InProcessApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, clock = with_key(user), [now()]
    for module in ("portico.identity.accounts.last_seen", "portico_api_keys.usage"):
        monkeypatch.setattr(f"{module}.now", lambda: clock[0])

    async def written(*, at_once: bool = False) -> int:
        from portico.db import fetch_one

        await components(app).usage.flush(at_once=at_once)
        found = await fetch_one("SELECT last_used_at FROM api_keys_key")
        return int(found["last_used_at"]) if found else 0

    async def written_at_once() -> int:
        return await written(at_once=True)

    program.get(ME)
    first = clock[0]
    assert app.run(written) == first
    for seconds, expected in ((1, first), (59, first + 60), (1, first + 60)):
        clock[0] += seconds
        program.get(ME)
        assert app.run(written) == expected
    assert app.run(written_at_once) == clock[0]


def test_expired_key_is_refused(user: Client, app: InProcessApp) -> None:
    created = new_key(user, expires_at=int(time.time()) + 3600)
    program = Client(user.transport, created["api_key"])
    assert program.get(ME).status == 200

    async def expire() -> None:
        from portico.db import execute

        await execute("UPDATE api_keys_key SET expires_at = 1")
        components(app).cache.clear()

    app.run(expire)
    assert (program.get(ME).status, program.get(ME).detail) == (401, INVALID_TOKEN)
    assert app.run(still_valid, app, created["id"]) == set()


def test_still_valid_omits_revoked_keys_and_those_of_pending_accounts(
    admin: Client, user: Client, app: InProcessApp
) -> None:
    valid, revoked = new_key(user), new_key(user)
    user.delete(f"{KEYS}/{revoked['id']}")
    assert app.run(still_valid, app, valid["id"], revoked["id"], "nothing") == {valid["id"]}
    form = {"name": "Ben", "email": "ben@example.org", "role": "pending", "profile_image_url": ""}
    assert admin.post(f"/api/v1/users/{user.account['id']}/update", form).status == 200
    assert app.run(still_valid, app, valid["id"]) == set()


async def still_valid(app: InProcessApp, *ids: str) -> set[str]:
    """Return those of these key ids that are still accepted."""
    return await components(app).authenticator.still_valid(list(ids))


def components(app: InProcessApp) -> ApiKeysPlugin:
    """Return the objects of the plugin."""
    (found,) = (c.components for c in app.portico.contributions if c.plugin_name == "api_keys")
    assert isinstance(found, ApiKeysPlugin)
    return found
