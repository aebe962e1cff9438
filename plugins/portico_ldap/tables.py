"""The table of the plugin, for queries through Piccolo. The migrations create it."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.api.db import EncryptedColumn, TableSet


class LdapSecretTable(Table, tablename="ldap_secret"):
    """The password of the application at the LDAP server, encrypted."""

    name = Text(primary_key=True, default="")
    encrypted = Text()
    updated_at = BigInt()


TABLES = TableSet(
    tables=(LdapSecretTable,),
    migrations="portico_ldap.migrations",
    encrypted_columns=(
        EncryptedColumn(table="ldap_secret", key="name", column="encrypted", context="ldap:{name}"),
    ),
)
