"""The table of what is locked, for queries through Piccolo. The migration makes it."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.api import EncryptedColumn, TableSet


class LdapSecretTable(Table, tablename="ldap_secret"):
    """The password with which the plugin shows itself to the directory. The vault has locked it."""

    name = Text(primary_key=True, default="")
    locked = Text()
    updated_at = BigInt()


TABLES = TableSet(
    tables=(LdapSecretTable,),
    migrations="portico_ldap.migrations",
    encrypted_columns=(
        EncryptedColumn(table="ldap_secret", key="name", column="locked", context="ldap:{name}"),
    ),
)
