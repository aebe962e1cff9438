"""The tables of runtime settings, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.db import EncryptedColumn, Reference, TableSet

#: The values of settings with secrets, now and before each change.
ENCRYPTED = EncryptedColumn("portico_configuration", "name", "encrypted", "setting:{name}")
ENCRYPTED_HISTORY = EncryptedColumn(
    "portico_configuration_history", "id", "encrypted", "setting-history:{id}"
)


class ConfigurationTable(Table, tablename="portico_configuration"):
    """One stored setting. `value`: JSON, empty = none; `updated_by`: id of the account, empty for the command line.

    `encrypted`: the value instead, if it holds secrets; else empty. `version`: number of its last change.
    """

    name = Text(primary_key=True, default="")
    value = Text()
    updated_at = BigInt()
    updated_by = Text()
    encrypted = Text()
    version = BigInt()


class ConfigurationChangeTable(Table, tablename="portico_configuration_change"):
    """One change of one or more settings. `author`: id of the account, empty for the command line."""

    number = BigInt(primary_key=True)
    at = BigInt()
    author = Text()


class ConfigurationHistoryTable(Table, tablename="portico_configuration_history"):
    """What one setting was before a change. `value`: JSON, empty = nothing was stored; `encrypted`: as above."""

    id = Text(primary_key=True, default="")
    change = BigInt()
    name = Text()
    value = Text()
    encrypted = Text()


TABLES = TableSet(
    tables=(ConfigurationTable, ConfigurationChangeTable, ConfigurationHistoryTable),
    migrations="portico.runtime_settings.migrations",
    encrypted_columns=(ENCRYPTED, ENCRYPTED_HISTORY),
    references=(
        Reference("portico_configuration", "updated_by", "portico_account", repair="none"),
        Reference("portico_configuration_change", "author", "portico_account", repair="none"),
    ),
)
