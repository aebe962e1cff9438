"""The tables with their columns, as each release has them."""

#: Kinds of columns: text, integer, boolean, JSON, date, and JSON that is declared as text.
TEXT, INTEGER, BOOLEAN, JSON, DATE = "TEXT", "BIGINT", "BOOLEAN", "JSON", "DATE"

Columns = dict[str, str]

_AT: Columns = {"created_at": INTEGER, "updated_at": INTEGER}
_USER: Columns = {
    **dict.fromkeys(("id", "name", "email", "role", "profile_image_url"), TEXT),
    **_AT,
    "last_active_at": INTEGER,
    **dict.fromkeys(("username", "bio", "gender"), TEXT),
    "date_of_birth": DATE,
    **dict.fromkeys(("profile_banner_image_url", "timezone", "presence_state"), TEXT),
    **dict.fromkeys(("status_emoji", "status_message"), TEXT),
    "status_expires_at": INTEGER,
    **dict.fromkeys(("oauth", "info", "settings"), JSON),
}
_CHAT: Columns = {
    **dict.fromkeys(("id", "user_id", "title", "share_id"), TEXT),
    "archived": BOOLEAN,
    **_AT,
    "chat": JSON,
    "pinned": BOOLEAN,
    "meta": JSON,
    "folder_id": TEXT,
}
_GROUP: Columns = {
    **dict.fromkeys(("id", "user_id", "name", "description"), TEXT),
    **dict.fromkeys(("data", "meta", "permissions"), JSON),
    **_AT,
}
_MODEL: Columns = {
    **dict.fromkeys(("id", "user_id", "base_model_id", "name", "meta", "params"), TEXT),
    **_AT,
    "is_active": BOOLEAN,
}
_MEMORY: Columns = {**dict.fromkeys(("id", "user_id", "content"), TEXT), **_AT}
_FILE: Columns = {
    **dict.fromkeys(("id", "user_id", "filename"), TEXT),
    "meta": JSON,
    **_AT,
    "hash": TEXT,
    "data": JSON,
    "path": TEXT,
}
_NOTE: Columns = {
    **dict.fromkeys(("id", "user_id", "title"), TEXT),
    **dict.fromkeys(("data", "meta"), JSON),
    **_AT,
}
_BOTH: dict[str, Columns] = {
    "alembic_version": {"version_num": TEXT},
    "tag": {"id": TEXT, "name": TEXT, "user_id": TEXT, "meta": JSON},
    "feedback": {
        **dict.fromkeys(("id", "user_id"), TEXT),
        "version": INTEGER,
        "type": TEXT,
        **dict.fromkeys(("data", "meta", "snapshot"), JSON),
        **_AT,
    },
    "folder": {
        **dict.fromkeys(("id", "parent_id", "user_id", "name"), TEXT),
        **dict.fromkeys(("items", "meta"), JSON),
        "is_expanded": BOOLEAN,
        **_AT,
        "data": JSON,
    },
    "group_member": {"id": TEXT, "group_id": TEXT, "user_id": TEXT, **_AT},
    "api_key": {
        **dict.fromkeys(("id", "user_id", "key"), TEXT),
        "data": JSON,
        **dict.fromkeys(("expires_at", "last_used_at"), INTEGER),
        **_AT,
    },
    "oauth_session": {
        **dict.fromkeys(("id", "user_id", "provider", "token"), TEXT),
        "expires_at": INTEGER,
        **_AT,
    },
}
_CONTROL: Columns = {"access_control": JSON}
TABLES: dict[str, dict[str, Columns]] = {
    "0.6.41": {
        **_BOTH,
        "user": _USER,
        "auth": {"id": TEXT, "email": TEXT, "password": TEXT, "active": BOOLEAN},
        "chat": _CHAT,
        "group": _GROUP,
        "model": _MODEL | _CONTROL,
        "memory": _MEMORY,
        "file": _FILE | _CONTROL,
        "note": _NOTE | _CONTROL,
        "prompt": {
            "id": INTEGER,
            **dict.fromkeys(("command", "user_id", "title", "content"), TEXT),
            "timestamp": INTEGER,
            **_CONTROL,
        },
        "config": {"id": INTEGER, "data": JSON, "version": INTEGER},
    },
    "0.12.4": {
        **_BOTH,
        "user": _USER | {"scim": JSON, "variables": JSON},
        "auth": {
            **{"id": TEXT, "email": TEXT, "password": TEXT, "active": BOOLEAN},
            **{"mfa": JSON, "session_stamp": TEXT},
        },
        "chat": _CHAT
        | {"tasks": JSON, "summary": TEXT, "last_read_at": INTEGER}
        | {"current_message_id": TEXT, "variables": JSON, "timer_at": INTEGER},
        "group": _GROUP | {"parent_group_id": TEXT},
        "model": _MODEL | {"version_id": TEXT},
        "memory": _MEMORY | {"type": TEXT, "path": TEXT, "meta": JSON},
        "file": _FILE,
        "note": _NOTE,
        "prompt": {
            **dict.fromkeys(("id", "command", "user_id", "name", "content"), TEXT),
            **dict.fromkeys(("data", "meta"), JSON),
            "is_active": BOOLEAN,
            "version_id": TEXT,
            "tags": JSON,
            **_AT,
        },
        "config": {"key": TEXT, "value": JSON, "updated_at": INTEGER},
        "access_grant": {
            **dict.fromkeys(("id", "resource_type", "resource_id"), TEXT),
            **dict.fromkeys(("principal_type", "principal_id", "permission"), TEXT),
            "created_at": INTEGER,
        },
        "shared_chat": {
            **dict.fromkeys(("id", "chat_id", "user_id", "title"), TEXT),
            "chat": JSON,
            **_AT,
        },
        "chat_message": {
            **dict.fromkeys(("id", "chat_id", "user_id", "role", "parent_id"), TEXT),
            **dict.fromkeys(("content", "output"), JSON),
            "model_id": TEXT,
            **dict.fromkeys(("files", "sources", "embeds"), JSON),
            "done": BOOLEAN,
            **dict.fromkeys(("status_history", "error", "usage"), JSON),
            **_AT,
            "context_summary": TEXT,
            "meta": JSON,
        },
        "skill": {"id": TEXT, "user_id": TEXT, "name": TEXT, "content": TEXT},
    },
}
#: The revision of the last migration.
REVISIONS = {"0.6.41": "3e0e00844bb0", "0.12.4": "0bd252b206fb"}
