"""Rows of the plugins: at least one of each table.

Encrypted values and digests were made by the release of then, with the secret key of `portico.testing`.
"""

from typing import Any

from tests.upgrade.landed.row import AT, Changed, Row

API_KEY = "sk-0123456789abcdef0123456789abcdef"
ENCRYPTED_KEY = "v1.12d0a13f9b0f4745.3_O5Yx-zGNmeQ-EwFWipvckSQWY41AujIfmXv9YZbVM3H0O2a-osNOBTNsgYHwlGgQX3MFSECtaFeXuCu4zh"
OAUTH_TOKEN = (
    "v1.12d0a13f9b0f4745.2WTqwFvjSV7oYfGzIxC5MbxG2S3ow9xFkUAHJMx4249i6hrYx2GALDze3UsI-GyIcA"
)
OAUTH_ID_TOKEN = "v1.12d0a13f9b0f4745.0K06H6ljR09XoyG3dMK3tl-w57xBFuhNDMgrfBudtg"
LDAP_PASSWORD = "v1.12d0a13f9b0f4745.PdRUpRifTIN15YTtFihEkw8e7v4PcfoXi-znvtzf"

MESSAGES = {
    "m1": '{"id":"m1","parentId":null,"childrenIds":["m2"],"role":"user","content":"Hi","timestamp":1}',
    "m2": '{"id":"m2","parentId":"m1","childrenIds":[],"role":"assistant","content":"Hello","timestamp":2}',
}
SKELETON = '{"title":"Greeting","history":{"messages":{},"currentId":"m2"}}'
MESSAGES_AT = SKELETON.index("{}") + 1
DOCUMENT = (
    SKELETON[:MESSAGES_AT]
    + ",".join(f'"{message}":{body}' for message, body in MESSAGES.items())
    + SKELETON[MESSAGES_AT:]
)
TAGGED = '{"title":"Tagged","history":{"messages":{},"currentId":null}}'


def chat(id: str, document: Any, since: tuple[str, int] = ("", 0), **values: Any) -> Row:
    columns = {
        "id": id,
        "user_id": "ada",
        "title": "Greeting",
        "created_at": AT,
        "updated_at": AT,
        "archived": False,
        "pinned": True,
        "share_id": None,
        "folder_id": "f1",
        "revision": 1,
        "meta": "{}",
        "chat": document,
    }
    return Row("chats_chat", columns | values, since=since)


def message(id: str, position: int, parent: str | None, role: str) -> Row:
    columns = {"chat_id": "c1", "id": id, "position": position, "parent_id": parent, "role": role}
    times = {"created_at": AT, "updated_at": AT, "since": 1, "knew": 0, "origin": "s1"}
    return Row("chats_message", columns | times | {"body": MESSAGES[id]}, key=2)


PLUGIN_ROWS = [
    Row(
        "models_model",
        {
            "id": "preset",
            "likeness": "preset",
            "user_id": "ada",
            "base_model_id": "gpt",
            "name": "Prese\u0301t",
            "sought": Changed("models", 8, "prese\u0301t\ngpt", "pres\u00e9t\ngpt"),
            "is_active": True,
            "updated_at": AT,
            "created_at": AT,
            "meta": '{"tags":[{"name":"Cafe\u0301"}]}',
            "params": '{"temperature":1}',
        },
    ),
    Row(
        "models_tag",
        {
            "model_id": "preset",
            "name": Changed("models", 8, "cafe\u0301", "caf\u00e9"),
            "label": "Cafe\u0301",
        },
    ),
    Row("models_revision", {"id": 1, "number": 7}, is_update=True),
    Row("models_change", {"model_id": "preset", "revision": 7, "at": AT}),
    Row(
        "models_version",
        {
            "model_id": "preset",
            "number": 1,
            "at": AT,
            "author": "ada",
            "change": "created",
            "owner_id": "ada",
            "document": None,
        },
        2,
    ),
    Row(
        "models_template",
        {
            "id": "t1",
            "name": "Plain",
            "likeness": "plain",
            "description": "d",
            "params": "{}",
            "meta": "{}",
            "access_control": None,
            "user_id": "ada",
            "created_at": AT,
            "updated_at": AT,
        },
    ),
    Row("folders_owner", {"user_id": "ada", "changes": 4}),
    Row(
        "folders_folder",
        {
            "id": "f1",
            "user_id": "ada",
            "parent_id": None,
            "name": "Work_1",
            "likeness": "work_1",
            "words": "work 1",
            "is_expanded": True,
            "created_at": AT,
            "updated_at": AT,
            "icon": '{"icon":"x"}',
            "meta": '{"icon":"x"}',
            "data": "{}",
        },
    ),
    chat(
        "c1",
        Changed("chats", 4, DOCUMENT, SKELETON),
        share_id="sh1",
        current_id="m2",
        messages_at=MESSAGES_AT,
    ),
    chat(
        "c2",
        TAGGED,
        ("chats", 2),
        title="Tagged",
        messages_at=TAGGED.index("{}") + 1,
        meta=Changed("chats", 10, '{"tags":["cafe\u0301"]}', '{"tags":["caf\u00e9"]}'),
    ),
    message("m1", 1024, None, "user"),
    message("m2", 2048, "m1", "assistant"),
    Row("chats_seen", {"chat_id": "c1", "session_id": "s1", "revision": 1, "at": AT}, 2),
    Row(
        "chats_share",
        {
            "id": "sh1",
            "chat_id": "c1",
            "title": "Greeting",
            "created_at": AT,
            "updated_at": AT,
            "chat": DOCUMENT,
        },
    ),
    Row("chats_tag_owner", {"user_id": "ada", "changes": 3}),
    Row(
        "chats_tag",
        {
            "user_id": "ada",
            "id": Changed("chats", 10, "cafe\u0301", "caf\u00e9"),
            "name": "Cafe\u0301",
        },
    ),
    Row(
        "chats_tagged",
        {
            "chat_id": "c2",
            "tag_id": Changed("chats", 10, "cafe\u0301", "caf\u00e9"),
            "user_id": "ada",
        },
    ),
    Row(
        "chats_text", {"owner_id": "ada", "chat_id": "c2", "part": "", "text": "tagged", "state": 0}
    ),
    Row("chats_deleted_message", {"chat_id": "c1", "id": "m0", "at": AT}, 2),
    Row("keys_owner", {"account_id": "ada", "made": 5}),
    Row(
        "keys_key",
        {
            "id": "key1",
            "account_id": "ada",
            "name": "script",
            "prefix": "sk-0123",
            "digest": "18164f3170e8b94fc50973e8ab24852fc4309c4903c574037fcda4b53ec6f68b",
            "endpoints": None,
            "scopes": Changed(
                "api_keys", 2, '["keys","law"]', '["api_keys", "audit", "policy_admin"]'
            ),
            "enabled": True,
            "created_at": AT,
            "expires_at": None,
            "last_used_at": AT,
            "locked": ENCRYPTED_KEY,
        },
    ),
    Row(
        "oauth_session",
        {
            "id": "s2",
            "account_id": "ada",
            "provider": "oauth.oidc",
            "token": OAUTH_TOKEN,
            "id_token": OAUTH_ID_TOKEN,
            "leave_url": "https://idp.example/out",
            "expires_at": None,
            "created_at": AT,
            "updated_at": AT,
        },
    ),
    Row("oauth_spent", {"id": "h1", "expires_at": AT}),
    Row("ldap_secret", {"name": "app_password", "locked": LDAP_PASSWORD, "updated_at": AT}),
]
