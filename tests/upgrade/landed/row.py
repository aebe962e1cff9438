"""How a row of an earlier state is written: by the names before the words were renamed, with the present ones."""

from dataclasses import dataclass
from typing import Any

AT = 1_790_000_000


@dataclass(frozen=True)
class Changed:
    """A value that a step of an owner changes."""

    owner: str
    step: int
    old: Any
    new: Any


@dataclass(frozen=True)
class Row:
    """A row by its former names. The first `key` columns find it.

    `since`: the owner and the first step from which such a row exists. `is_update`: a migration inserts the row.
    """

    table: str
    values: dict[str, Any]
    key: int = 1
    since: tuple[str, int] = ("", 0)
    is_update: bool = False


TABLES = {
    "portico_founder": "portico_first_account",
    "portico_link": "portico_identity_link",
    "portico_familiar": "portico_known_location",
    "portico_vault": "portico_encryption_key",
    "portico_policy": "portico_policy_version",
    "portico_policy_seen": "portico_policy_active",
    "keys_owner": "api_keys_owner",
    "keys_key": "api_keys_key",
    "oauth_spent": "oauth_used_token",
    "chats_seen": "chats_seen_revision",
    "chats_tagged": "chats_chat_tag",
}
COLUMNS = {
    "portico_audit": {
        "what": "event",
        "subject_kind": "resource_kind",
        "subject_id": "resource_id",
        "was": "old",
        "became": "new",
    },
    "portico_policy": {"pages": "files"},
    "portico_policy_seen": {"pages": "files"},
    "keys_owner": {"made": "changes"},
    "keys_key": {"locked": "encrypted_key"},
    "oauth_session": {"leave_url": "end_session_url"},
    "ldap_secret": {"locked": "encrypted"},
    "models_model": {"sought": "search_text", "likeness": "normalized_id"},
    "models_template": {"likeness": "normalized_name"},
    "chats_message": {
        "since": "created_revision",
        "knew": "known_revision",
        "origin": "session_id",
    },
    "folders_folder": {"likeness": "normalized_name", "words": "search_name"},
}
#: Columns that a step fills in for rows that are older.
DERIVED = {"folded", "epoch", "email_key", "colliding", "label", "revision"}
