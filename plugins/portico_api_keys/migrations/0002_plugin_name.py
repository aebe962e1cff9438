"""Name the tables after the plugin, which was called `keys`, and the scopes of stored keys after renamed plugins."""

import json

from portico.api.db import Database

_RENAME = """
ALTER TABLE keys_owner RENAME TO api_keys_owner;
ALTER TABLE api_keys_owner RENAME COLUMN made TO changes;
ALTER TABLE keys_key RENAME TO api_keys_key;
ALTER TABLE api_keys_key RENAME COLUMN locked TO encrypted_key;
DROP INDEX keys_key_digest;
DROP INDEX keys_key_account;
DROP INDEX keys_key_created;
DROP INDEX keys_key_shown;
CREATE UNIQUE INDEX api_keys_key_digest ON api_keys_key (digest);
CREATE INDEX api_keys_key_account ON api_keys_key (account_id, created_at);
CREATE INDEX api_keys_key_created ON api_keys_key (created_at, id);
CREATE UNIQUE INDEX api_keys_key_client ON api_keys_key (account_id) WHERE encrypted_key IS NOT NULL;
"""
#: A scope begins with the name of a plugin. `law` was split in two.
_PLUGINS = {"keys": ("api_keys",), "law": ("audit", "policy_admin")}


async def forwards(database: Database) -> None:
    """Rename tables, columns and indexes; rewrite scopes such as `keys:read`."""
    await database.script(_RENAME)
    found = await database.rows("SELECT id, scopes FROM api_keys_key WHERE scopes IS NOT NULL")
    for row in found:
        scopes = json.loads(row["scopes"])
        renamed = sorted({new for scope in scopes for new in _renamed(scope)})
        if renamed != scopes:
            await database.execute(
                "UPDATE api_keys_key SET scopes = $2 WHERE id = $1", row["id"], json.dumps(renamed)
            )


def _renamed(scope: str) -> list[str]:
    plugin, colon, action = scope.partition(":")
    return [f"{new}{colon}{action}" for new in _PLUGINS.get(plugin, (plugin,))]
