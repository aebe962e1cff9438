"""The tables of grants and of policies, for queries through Piccolo. The migrations make them."""

from piccolo.columns import BigInt, Integer, Text
from piccolo.table import Table

from portico.db import Reference, TableSet


class GrantTable(Table, tablename="portico_grant"):
    """Who was given what."""

    id = Text(primary_key=True, default="")
    resource_kind = Text()
    resource_id = Text()
    action = Text()
    principal_kind = Text()
    principal_id = Text()
    position = BigInt()
    created_at = BigInt()


class PolicyTable(Table, tablename="portico_policy"):
    """Versions of the operator's pages that are kept in the database. `pages` holds JSON."""

    number = BigInt(primary_key=True)
    at = BigInt()
    author = Text()
    pages = Text()


class ActivePolicyTable(Table, tablename="portico_policy_seen"):
    """The one row with the pages that were in force last. `pages` holds JSON."""

    id = Integer(primary_key=True)
    digest = Text()
    pages = Text()


TABLES = TableSet(
    tables=(GrantTable, PolicyTable, ActivePolicyTable),
    migrations="portico.permissions.migrations",
    references=(
        Reference(
            "portico_grant", "principal_id", "portico_account", where="principal_kind = 'user'"
        ),
        Reference(
            "portico_grant", "principal_id", "portico_group", where="principal_kind = 'group'"
        ),
        Reference("portico_policy", "author", "portico_account", orphans="keep"),
    ),
)
