"""Attacks on groups and permissions."""

import itertools
import json
import random
from typing import Any

import pytest

from portico.permissions import Resource
from portico.testing import Client, InProcessApp

GROUPS = "/api/v1/groups"
DEFAULTS = "/api/v1/users/default/permissions"
#: Texts that could be taken for policy rules, patterns, SQL or markup.
NAMES = (
    "p, alice, *, *", "g, bob, role:admin", "*", "/:id", ".*", "a,b", '"quoted"', "it's", "two\nlines", "# comment",
    "p, group, *, owner, allow", "{}", "%s", "$1", "'; DROP TABLE portico_group; --", "<script>", "\u202e", "\\",
)  # fmt: skip


def snapshot(app: InProcessApp) -> list[Any]:
    """Return all rows about groups."""
    return [
        app.run(app.portico.database.rows, f"SELECT * FROM {table} ORDER BY 1, 2")
        for table in (
            "portico_group",
            "portico_group_member",
            "portico_configuration",
            "portico_audit",
        )
    ]


def writes(group_id: str, member: str) -> list[tuple[str, str, Any]]:
    form = {"name": "Mine", "description": "", "permissions": {"features": {"api_keys": True}}}
    path = f"{GROUPS}/id/{group_id}"
    return [
        ("POST", f"{GROUPS}/create", form),
        ("POST", f"{GROUPS}/import", form),
        ("POST", f"{GROUPS}/import?replace=true", form | {"id": group_id}),
        ("GET", path, None),
        ("GET", f"{path}/export", None),
        ("POST", f"{path}/users", None),
        ("POST", f"{path}/update", form),
        ("POST", f"{path}/users/add", {"user_ids": [member]}),
        ("POST", f"{path}/users/remove", {"user_ids": [member]}),
        ("DELETE", f"{path}/delete", None),
        ("GET", DEFAULTS, None),
        ("POST", DEFAULTS, {}),
        ("GET", f"/api/v1/users/{member}/groups", None),
    ]


@pytest.mark.case("AB-29")
def test_only_administrators_manage_groups(
    app: InProcessApp, client: Client, admin: Client, user: Client
) -> None:
    pending = admin.add_user("Eve", role="pending")
    ben = user.account["id"]
    form = {"name": "Staff", "description": "", "permissions": {"chat": {"tts": True}}}
    group = admin.post(f"{GROUPS}/create", form).json["id"]
    admin.post(f"{GROUPS}/id/{group}/users/add", {"user_ids": [ben]})
    before = snapshot(app)
    for method, path, body in writes(group, ben) + writes("nothing", ben):
        assert client.request(method, path, json=body).status == 401
        for caller in (user, pending):
            assert caller.request(method, path, json=body).status == 403
    assert pending.get(GROUPS).status == pending.get("/api/v1/users/groups").status == 403
    assert snapshot(app) == before


@pytest.mark.case("AB-30")
def test_add_members_ignores_unknown_and_repeated_ids(
    app: InProcessApp, admin: Client, user: Client
) -> None:
    group = admin.post(f"{GROUPS}/create", {"name": "G", "description": ""}).json["id"]
    path = f"{GROUPS}/id/{group}/users/add"
    ben, ada = user.account["id"], admin.account["id"]
    odd = ["absent", "", "*", "' OR 1=1", "absent", ben.upper() + "x", "é" * 300]
    answer = admin.post(path, {"user_ids": [ben, *odd, ben, ada]})
    assert (answer.status, answer.json["member_count"]) == (200, 2)
    assert answer.json["ignored"] == list(dict.fromkeys(odd))
    before = snapshot(app)
    assert admin.post(path, {"user_ids": [f"n{n}" for n in range(100_000)]}).status == 422
    assert admin.post(path, {"user_ids": [ben, 5]}).status == 422
    assert admin.post(path, {"user_ids": ben}).status == 422
    many = [f"n{n}" for n in range(9_999)]
    assert admin.post(path, {"user_ids": [*many, ben]}).json["ignored"] == many
    assert snapshot(app) == before


DEEP = b'{"name":"G","description":"","permissions":' + b'{"a":' * 1000 + b"1" + b"}" * 1001
WRONG = [
    ({"features": {"api_keys": "no"}}, ["features", "api_keys"]),
    ({"features": {"api_keys": "true"}}, ["features", "api_keys"]),
    ({"features": {"api_keys": 1}}, ["features", "api_keys"]),
    ({"features": {"api_keys": None}}, ["features", "api_keys"]),
    ({"features": {"api_keys": {"a": True}}}, ["features", "api_keys"]),
    ({"features": {"everything": True}}, ["features", "everything"]),
    ({"features": {"*": True}}, ["features", "*"]),
    ({"features": "all"}, ["features"]),
    ({"features": None}, ["features"]),
    ({"*": {"*": True}}, ["*"]),
    ({"x" * 100: {}}, ["x" * 64]),
    ("all", []),
    ([], []),
    (True, []),
]


@pytest.mark.case("AB-31")
def test_unknown_or_non_boolean_permissions_are_422(
    app: InProcessApp, admin: Client, user: Client, subtests: pytest.Subtests
) -> None:
    group = admin.post(f"{GROUPS}/create", {"name": "G", "description": ""}).json["id"]
    admin.post(f"{GROUPS}/id/{group}/users/add", {"user_ids": [user.account["id"]]})
    before = snapshot(app)
    for permissions, place in WRONG:
        with subtests.test(place=place):
            form = {"name": "H", "description": "", "permissions": permissions}
            for path in ("create", "import", f"id/{group}/update"):
                answer = admin.post(f"{GROUPS}/{path}", form)
                assert answer.status == 422, answer
                if path != "import":
                    assert answer.detail[0]["loc"] == ["body", "permissions", *place]
            assert snapshot(app) == before
            assert not user.get("/api/v1/users/permissions").json["features"]["api_keys"]


@pytest.mark.case("AB-31")
def test_deep_and_broken_bodies_change_nothing(app: InProcessApp, admin: Client) -> None:
    group = admin.post(f"{GROUPS}/create", {"name": "G", "description": ""}).json["id"]
    before = snapshot(app)
    bodies = [
        DEEP,
        b'{"name":"G","description":"","permissions":{"features":{"api_keys":1e999}}}',
        b'{"name":"\xff","description":""}',
        b'{"name":"G","description":"","data":{"a":' + b"9" * 5000 + b"}}",
        b'{"name":"G","description":"","data":{"a":"' + b"x" * 10_000_000 + b'"}}',
    ]
    for body in bodies:
        for path in ("create", "import", f"id/{group}/update"):
            assert admin.post(f"{GROUPS}/{path}", body=body).status in (400, 413, 422), body[:60]
        assert admin.post(DEFAULTS, body=body).status in (400, 413, 422), body[:60]
    assert snapshot(app) == before


@pytest.fixture(scope="module")
def triples() -> list[tuple[str, str, str]]:
    draw = random.Random(7)
    kinds = ("model", "chat", "group", "permission", "account", "*", "p")
    actions = ("read", "write", "create", "delete", "list", "*", "", "p, *")
    ids = (*NAMES, "", "m1")
    return [(draw.choice(kinds), draw.choice(actions), draw.choice(ids)) for _ in range(10_000)]


@pytest.mark.case("AB-32")
def test_names_have_no_meaning_in_policies(
    app: InProcessApp, admin: Client, triples: list[tuple[str, str, str]]
) -> None:
    for name in NAMES:
        made = admin.post(f"{GROUPS}/create", {"name": name, "description": name})
        assert (made.json["name"], made.json["description"]) == (name, name)
        added = admin.post(
            "/api/v1/auths/add",
            {
                "name": name,
                "email": f"p{NAMES.index(name)}@example.org",
                "password": "secret",
                "role": "user",
            },
        )
        body = {"user_ids": [added.json["id"]]}
        assert (
            admin.post(f"{GROUPS}/id/{made.json['id']}/users/add", body).json["member_count"] == 1
        )
    assert {one["name"] for one in admin.get(GROUPS).json} == set(NAMES)

    harmless = admin.add_user("Ann").account
    permissions = app.portico.permissions

    async def decisions(name: str, account_id: str) -> list[bool]:
        from portico.identity import Actor

        actor = Actor(account_id, f"{name}@example.org", name, "user", "", "")
        return [
            await permissions.allows(actor, action, Resource(kind, resource_id, None))
            for kind, action, resource_id in triples
        ]

    expected = app.run(decisions, "Ann", harmless["id"])
    assert not any(expected)
    for name, account_id in itertools.islice(zip(NAMES, reversed(NAMES), strict=True), 4):
        assert app.run(decisions, name, account_id) == expected


@pytest.fixture
def users_may_manage_groups(app: InProcessApp) -> None:
    """A policy rule of the operator lets every user manage groups and default permissions."""
    from portico.permissions import PolicyRule

    permissions, portico = app.portico.permissions, app.portico
    permissions.activate_packaged(
        [kind for c in portico.contributions for kind in c.resources],
        [
            *(policy for c in portico.contributions for policy in c.policies),
            PolicyRule("group", "*", "role:user"),
            PolicyRule("default_permissions", "*", "role:user"),
        ],
    )


@pytest.mark.usefixtures("users_may_manage_groups")
def test_group_manager_cannot_grant_more_than_own_permissions(
    app: InProcessApp, admin: Client, user: Client
) -> None:
    ben = user.account["id"]
    more = {"workspace": {"models": True}}
    strong = admin.post(
        f"{GROUPS}/create", {"name": "Strong", "description": "", "permissions": more}
    ).json["id"]
    own = user.post(f"{GROUPS}/create", {"name": "Own", "description": ""}).json["id"]
    assert user.post(f"{GROUPS}/id/{own}/users/add", {"user_ids": [ben]}).status == 200
    tree = json.loads(json.dumps(user.get(DEFAULTS).json))
    before = snapshot(app)
    form = {"name": "Own", "description": "", "permissions": more}
    tree["workspace"]["models"] = True
    for path, body in (
        (f"{GROUPS}/create", form),
        (f"{GROUPS}/import", form),
        (f"{GROUPS}/import?replace=true", form | {"id": own}),
        (f"{GROUPS}/import?replace=true", form | {"id": strong, "user_ids": [ben]}),
        (f"{GROUPS}/id/{own}/update", form),
        (f"{GROUPS}/id/{strong}/users/add", {"user_ids": [ben]}),
        (DEFAULTS, tree),
    ):
        assert user.post(path, body).status == 403, path
    assert snapshot(app) == before
    assert not user.get("/api/v1/users/permissions").json["workspace"]["models"]


@pytest.mark.usefixtures("users_may_manage_groups")
def test_group_manager_may_grant_own_and_keep_existing_permissions(
    admin: Client, user: Client
) -> None:
    more = {"workspace": {"models": True}}
    form = {"name": "Strong", "description": "", "permissions": more}
    strong = admin.post(f"{GROUPS}/create", form).json["id"]
    renamed = form | {"name": "Renamed", "permissions": more | {"chat": {"tts": True}}}
    assert user.post(f"{GROUPS}/id/{strong}/update", renamed).status == 200
    admin.post(f"{GROUPS}/id/{strong}/users/add", {"user_ids": [user.account["id"]]})
    assert user.post(f"{GROUPS}/create", form | {"name": "Same"}).status == 200
    members = user.post(f"{GROUPS}/id/{strong}/users").json
    assert [one["email"] for one in members] == ["ben@example.org"]
    tree = user.get(DEFAULTS).json
    tree["chat"]["tts"] = False
    assert user.post(DEFAULTS, tree).json["chat"]["tts"] is False
