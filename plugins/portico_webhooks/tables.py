"""The tables of webhooks, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, DoublePrecision, Text
from piccolo.table import Table

from portico.api.db import EncryptedColumn, TableSet

#: The addresses of webhooks with their signing secrets.
SECRET = EncryptedColumn("webhooks_secret", "id", "secret", "webhook:{id}")


class WebhookSecretTable(Table, tablename="webhooks_secret"):
    """Signing secrets. `id`: `administrators`, or the id of an account. `secret`: encrypted, with the address."""

    id = Text(primary_key=True, default="")
    user_id = Text(null=True, default=None)
    secret = Text()
    created_at = BigInt()


class WebhookAlertTable(Table, tablename="webhooks_alert"):
    """When administrators were last told of an alert."""

    kind = Text(primary_key=True, default="")
    about = Text()
    sent_at = DoublePrecision()


TABLES = TableSet(
    tables=(WebhookSecretTable, WebhookAlertTable),
    migrations="portico_webhooks.migrations",
    encrypted_columns=(SECRET,),
)
