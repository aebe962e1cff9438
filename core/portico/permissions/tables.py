"""The tables of grants and of policies, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, Integer, Text
from piccolo.table import Table

from portico.db import Reference, TableSet


class GrantTable(Table, tablename="portico_grant"):
    """One share of one resource."""

    id = Text(primary_key=True, default="")
    resource_kind = Text()
    resource_id = Text()
    action = Text()
    principal_kind = Text()
    principal_id = Text()
    position = BigInt()
    created_at = BigInt()


class PolicyVersionTable(Table, tablename="portico_policy_version"):
    """Versions of the policy files saved over HTTP. `files` holds JSON."""

    number = BigInt(primary_key=True)
    at = BigInt()
    author = Text()
    files = Text()


class ActivePolicyTable(Table, tablename="portico_policy_active"):
    """The one row with the policy files that were active last. `files` holds JSON."""

    id = Integer(primary_key=True)
    digest = Text()
    files = Text()


TABLES = TableSet(
    tables=(GrantTable, PolicyVersionTable, ActivePolicyTable),
    migrations="portico.permissions.migrations",
    references=(
        Reference(
            "portico_grant", "principal_id", "portico_account", where="principal_kind = 'user'"
        ),
        Reference(
            "portico_grant", "principal_id", "portico_group", where="principal_kind = 'group'"
        ),
        Reference("portico_policy_version", "author", "portico_account", repair="none"),
    ),
)
