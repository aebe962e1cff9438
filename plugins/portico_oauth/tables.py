"""The tables of sign-ins at other providers, for queries through Piccolo. The migrations make them."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.api import EncryptedColumn, TableSet


class OAuthSessionTable(Table, tablename="oauth_session"):
    """What a provider gave at a sign-in; `id` is the sign-in's. `token` and `id_token` are locked."""

    id = Text(primary_key=True, default="")
    account_id = Text()
    provider = Text()
    token = Text()
    id_token = Text()
    leave_url = Text()
    expires_at = BigInt(null=True, default=None)
    created_at = BigInt()
    updated_at = BigInt()


class SpentTable(Table, tablename="oauth_spent"):
    """What can be used once and was, by its hash."""

    id = Text(primary_key=True, default="")
    expires_at = BigInt()


TOKEN = EncryptedColumn("oauth_session", "id", "token", "oauth:token:{id}")
ID_TOKEN = EncryptedColumn("oauth_session", "id", "id_token", "oauth:id_token:{id}")

TABLES = TableSet(
    tables=(OAuthSessionTable, SpentTable),
    migrations="portico_oauth.migrations",
    encrypted_columns=(TOKEN, ID_TOKEN),
)
