"""The table of runtime settings, for queries through Piccolo. The migrations create it."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.db import Reference, TableSet


class ConfigurationTable(Table, tablename="portico_configuration"):
    """One stored setting. `value`: JSON; `updated_by`: id of the account, empty for the command line."""

    name = Text(primary_key=True, default="")
    value = Text()
    updated_at = BigInt()
    updated_by = Text()


TABLES = TableSet(
    tables=(ConfigurationTable,),
    migrations="portico.runtime_settings.migrations",
    references=(
        Reference("portico_configuration", "updated_by", "portico_account", repair="none"),
    ),
)
