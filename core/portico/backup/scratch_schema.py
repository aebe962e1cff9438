"""Schemas of PostgreSQL into which a backup is restored, and in which the former database is kept."""

import secrets
import time
from typing import Final

from portico.backup.errors import BackupRefused
from portico.db import Row
from portico.db.postgres.database import Postgres

_NOT_OF_EXTENSION: Final = "NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = '{0}'::regclass AND e.objid = {1}.oid AND e.deptype = 'e')"
# What moves along with its table is left out: indexes, owned sequences, row types.
_OBJECTS: Final = f"""
SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, quote_ident(c.relname) AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'S') AND {_NOT_OF_EXTENSION.format("pg_class", "c")}
    AND NOT (c.relkind = 'S' AND EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
        AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
UNION ALL
SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
    quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')'
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1 AND p.prokind IN ('f', 'p') AND {_NOT_OF_EXTENSION.format("pg_proc", "p")}
UNION ALL
SELECT 'TYPE', quote_ident(t.typname) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = $1 AND t.typtype = 'e' AND {_NOT_OF_EXTENSION.format("pg_type", "t")}"""  # noqa: S608 - constants


async def current_schema(database: Postgres) -> str:
    """Return the name of the schema in which the tables are."""
    return str((await database.rows("SELECT current_schema() AS name"))[0]["name"])


async def scratch_schema(database: Postgres) -> str:
    """Create a schema and make it the current one until the open transaction ends. Returns its name."""
    name = f"portico_restore_{secrets.token_hex(4)}"
    await create_schema(database, name)
    await database.rows("SELECT set_config('search_path', $1, true)", name)
    return name


async def create_schema(database: Postgres, name: str) -> None:
    """Create a schema. Raises: BackupRefused if this role may not."""
    allowed = await database.rows(
        "SELECT has_database_privilege(current_database(), 'CREATE') AS is_allowed"
    )
    if not allowed[0]["is_allowed"]:
        raise BackupRefused(
            "A backup is restored into a new schema of PostgreSQL, and this role may not create one: GRANT CREATE ON "
            "DATABASE … TO …"
        )
    await database.execute(f'CREATE SCHEMA "{name}"')


def former_schema() -> str:
    """Return a name for the schema in which the former database is kept."""
    stamp = time.strftime("%Y%m%d_%H%M%S", time.gmtime())
    return f"portico_before_restore_{stamp}_{secrets.token_hex(2)}"


async def objects_in(database: Postgres, schema: str) -> list[Row]:
    """Return everything in a schema that can be moved to another one."""
    return await database.rows(_OBJECTS, schema)


async def move_all(database: Postgres, objects: list[Row], schema: str, target: str) -> None:
    """Move objects from one schema to another."""
    source, to = _quoted(schema), _quoted(target)
    for one in objects:
        await database.execute(f"ALTER {one['kind']} {source}.{one['name']} SET SCHEMA {to}")


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))
