"""The tables of the plugin, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, DoublePrecision, Text
from piccolo.table import Table

from portico.api.db import TableSet
from portico_oauth.login.token_store import ID_TOKEN, TOKEN


class OAuthSessionTable(Table, tablename="oauth_session"):
    """The tokens of a provider for one session; `id` is the session's. `token` and `id_token` are encrypted."""

    id = Text(primary_key=True, default="")
    account_id = Text()
    provider = Text()
    token = Text()
    id_token = Text()
    end_session_url = Text()
    expires_at = BigInt(null=True, default=None)
    created_at = BigInt()
    updated_at = BigInt()
    refresh_claim = Text(null=True, default=None)
    refresh_claimed_until = DoublePrecision(null=True, default=None)


class UsedTokenTable(Table, tablename="oauth_used_token"):
    """Hashes of states and logout tokens that were used."""

    id = Text(primary_key=True, default="")
    expires_at = BigInt()


TABLES = TableSet(
    tables=(OAuthSessionTable, UsedTokenTable),
    migrations="portico_oauth.migrations",
    encrypted_columns=(TOKEN, ID_TOKEN),
)
