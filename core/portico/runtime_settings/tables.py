"""The table of runtime settings, for queries through Piccolo. The migrations create it."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.db import EncryptedColumn, Reference, TableSet

#: The values of settings with secrets.
ENCRYPTED = EncryptedColumn("portico_configuration", "name", "encrypted", "setting:{name}")


class ConfigurationTable(Table, tablename="portico_configuration"):
    """One stored setting. `value`: JSON; `updated_by`: id of the account, empty for the command line.

    `encrypted`: the value instead, if it holds secrets; else empty.
    """

    name = Text(primary_key=True, default="")
    value = Text()
    updated_at = BigInt()
    updated_by = Text()
    encrypted = Text()


TABLES = TableSet(
    tables=(ConfigurationTable,),
    migrations="portico.runtime_settings.migrations",
    encrypted_columns=(ENCRYPTED,),
    references=(
        Reference("portico_configuration", "updated_by", "portico_account", repair="none"),
    ),
)
