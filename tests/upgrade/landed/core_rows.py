"""Rows of the core: at least one of each table.

The session token and the fingerprints were made by the release of then, with the secret key of `portico.testing`.
"""

from typing import Any

from tests.upgrade.landed.row import AT, Changed, Row

TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpZCI6ImFkYSIsImp0aSI6InMxIiwiZXBvY2giOjJ9."
    "fCe0DYESdZDAUqWKZmJHwWSwCaUAqXVALKuxHv4cDLE"
)
FORMER_POLICY = (
    "# ours\np, model, read, member:g1, allow\np, model, read, bypass:models, allow\n"
    "p, key, read, role:admin, allow\n"
)
POLICY = (
    "# ours\np, model, read, group:g1, allow\n"
    "p, model, read, switch:bypass_model_access_control, allow\np, api_key, read, role:admin, allow\n"
)


def account(id: str, role: str, name: str, folded: Any, epoch: int) -> Row:
    email = f"{id}@example.org"
    return Row(
        "portico_account",
        {
            "id": id,
            "email": email,
            "username": f"{id}1",
            "role": role,
            "name": name,
            "profile_image_url": "/user.png",
            "bio": "Writes",
            "date_of_birth": "1990-01-02",
            "info": '{"a":1}',
            "settings": '{"ui":{"b":2}}',
            "epoch": epoch,
            "last_active_at": AT,
            "updated_at": AT,
            "created_at": AT,
            "folded": folded,
            "email_key": email,
            "colliding": False,
        },
    )


def session(id: str, epoch: int, **values: Any) -> Row:
    columns = {"id": id, "account_id": "ada", "created_at": AT, "expires_at": None, "epoch": epoch}
    return Row("portico_session", columns | values)


def audit(number: int, old: tuple[str, str], new: tuple[str, str]) -> Row:
    return Row(
        "portico_audit",
        {
            "subject_id": f"id{number}",
            "what": Changed("audit", 2, old[0], new[0]),
            "subject_kind": Changed("audit", 2, old[1], new[1]),
            "at": AT,
            "author": "ada",
            "was": '"a"',
            "became": '{"b":2}',
        },
    )


def policy(table: str, column: str, template: str, **values: Any) -> Row:
    escaped = [text.replace("\n", "\\n") for text in (FORMER_POLICY, POLICY)]
    old, new = (template.replace("TEXT", text) for text in escaped)
    is_update = "id" in values
    return Row(table, values | {column: Changed("permissions", 3, old, new)}, is_update=is_update)


#: Former event and kind, present ones.
EVENTS = [
    (("sign_in.ended", "account"), ("session.ended", "account")),
    (("sign_in.all_ended", "account"), ("session.all_ended", "account")),
    (("secret.adopted", "secret"), ("secret_key.replaced", "secret_key")),
    (("secret.rotated", "secret"), ("encryption_key.rotated", "encryption_key")),
    (("grants.changed", "model"), ("grant.changed", "model")),
    (("settings.changed", "setting"), ("setting.changed", "settings")),
    (("permissions.changed", "permission"), ("default_permissions.changed", "default_permissions")),
    (("key.created", "key"), ("api_key.created", "api_key")),
    (("key.changed", "key"), ("api_key.changed", "api_key")),
    (("key.revoked", "key"), ("api_key.revoked", "api_key")),
    (("policy.changed", "policy"), ("policy.changed", "policy")),
    (("account.linked", "account"), ("account.linked", "account")),
]

CORE_ROWS = [
    account("ada", "admin", "Ada", "ada\nada@example.org", 2),
    account(
        "bob",
        "user",
        "Bobe\u0301",
        Changed("identity", 8, "bobe\u0301\nbob@example.org", "bob\u00e9\nbob@example.org"),
        0,
    ),
    Row(
        "portico_password",
        {
            "account_id": "ada",
            "updated_at": AT,
            "hash": "$2b$04$WhgmwGrdYUml5KNh0PFMT.BNBpSBnMHwFAoK8kkxlna650ScajNEO",
        },
    ),
    Row("portico_founder", {"id": 1, "account_id": "ada"}, is_update=True),
    Row("portico_secret", {"id": 1, "fingerprint": "4452b5f21b8c6229"}),
    session("s1", 2),
    session(
        "s2",
        2,
        method="oauth.oidc",
        address="127.0.0.1",
        user_agent="Firefox",
        provider_session="p1",
        last_seen_at=AT,
    ),
    session("s3", 2, method=Changed("identity", 9, "solo", "single_user")),
    Row(
        "portico_link",
        {"provider": "oauth.oidc", "subject": "1", "account_id": "ada", "created_at": AT},
        2,
    ),
    Row(
        "portico_group",
        {
            "id": "g1",
            "account_id": "ada",
            "name": "Writers",
            "description": "Who write",
            "data": None,
            "meta": '{"m":1}',
            "permissions": '{"features":{"api_keys":true}}',
            "created_at": AT,
            "updated_at": AT,
        },
    ),
    Row("portico_group_member", {"group_id": "g1", "account_id": "bob", "created_at": AT}, 2),
    Row(
        "portico_grant",
        {
            "id": "gr1",
            "resource_kind": "model",
            "resource_id": "preset",
            "action": "read",
            "principal_kind": "user",
            "principal_id": "bob",
            "position": 0,
            "created_at": AT,
        },
    ),
    policy("portico_policy", "pages", '{"ours.csv":"TEXT"}', at=AT, author="ada"),
    policy("portico_policy_seen", "pages", '[["ours.csv","database/ours.csv","TEXT"]]', id=1),
    Row(
        "portico_configuration",
        {
            "name": "settings.auth.enable_api_keys",
            "value": "true",
            "updated_at": AT,
            "updated_by": "ada",
        },
    ),
    Row(
        "portico_configuration",
        {"name": "settings.ui.watermark", "value": '"Ours"', "updated_at": AT, "updated_by": ""},
    ),
    Row(
        "portico_configuration",
        {
            "name": "permissions.chat.delete",
            "value": "false",
            "updated_at": AT,
            "updated_by": "ada",
        },
    ),
    Row("portico_vault", {"id": 1, "fingerprint": "12d0a13f9b0f4745"}),
    Row("portico_familiar", {"id": "d1", "seen_at": AT}),
    Row("portico_attempt", {"key": "k1", "attempts": '[["a",1]]', "expires_at": AT * 1000}),
    Row("portico_cleaning", {"id": 1, "worked_at": AT}, is_update=True),
    Row("portico_database", {"id": 1, "database_id": "db1", "created_at": AT}),
    Row(
        "portico_instance",
        {
            "id": "i1",
            "version": "0.1.0",
            "release": "r",
            "host": "h",
            "process": "p",
            "started_at": AT,
            "seen_at": AT,
            "newest_steps": '{"keys":"0001_keys"}',
            "tolerated_steps": "{}",
        },
    ),
    *(audit(number, *events) for number, events in enumerate(EVENTS)),
]
