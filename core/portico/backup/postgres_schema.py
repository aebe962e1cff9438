"""The description of a PostgreSQL schema, read from its catalogue: the statements that create everything in it again.

It has what our migrations and those of plugins create, also of plugins that are not loaded now. What it cannot describe is
refused, so a backup is never incomplete. Owners and privileges are those of the role that restores.
"""

import re
from typing import Any, Final

import msgspec

from portico.backup.encoding import DAMAGED
from portico.backup.errors import BackupRefused, DamagedBackup
from portico.db import Row
from portico.db.postgres.database import Postgres


class TableDescription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table and its columns, without those that are computed."""

    name: str
    columns: tuple[str, ...]


class SequenceDescription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sequence and its position."""

    name: str
    last_value: int
    is_called: bool


class SchemaDescription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`before`, `after`: statements that create everything, before and after the rows are inserted."""

    before: tuple[str, ...]
    tables: tuple[TableDescription, ...]
    sequences: tuple[SequenceDescription, ...]
    after: tuple[str, ...]


_SCHEMA: Final = "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
_NO_EXTENSION: Final = "NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = '{catalogue}'::regclass AND e.objid = {oid} AND e.deptype = 'e')"


def _of_schema(catalogue: str, oid: str, column: str) -> str:
    outside = _NO_EXTENSION.format(catalogue=catalogue, oid=oid)
    return f"{column} = {_SCHEMA} AND {outside}"


_RELATION: Final = _of_schema("pg_class", "c.oid", "c.relnamespace")
_UNKNOWN: Final = f"""
SELECT c.relname AS name FROM pg_class c WHERE {_RELATION} AND (c.relkind IN ('m', 'f', 'p', 'c') OR c.relrowsecurity
    OR EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = c.oid OR i.inhparent = c.oid))
UNION ALL SELECT t.typname FROM pg_type t WHERE {_of_schema("pg_type", "t.oid", "t.typnamespace")} AND t.typtype IN ('d', 'r')
UNION ALL SELECT p.proname FROM pg_proc p WHERE {_of_schema("pg_proc", "p.oid", "p.pronamespace")} AND p.prokind IN ('a', 'w')
LIMIT 1"""  # noqa: S608 - constants
_ENUMS: Final = f"""
SELECT quote_ident(t.typname) AS name, string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) AS labels
FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid WHERE {_of_schema("pg_type", "t.oid", "t.typnamespace")}
GROUP BY t.typname ORDER BY t.typname"""  # noqa: S608 - constants
# The sequence of an identity column is created with its column.
_SEQUENCES: Final = f"""
SELECT c.relname AS raw, quote_ident(c.relname) AS name, s.seqtypid::regtype::text AS type, s.seqstart, s.seqincrement,
    s.seqmin, s.seqmax, s.seqcache, s.seqcycle, d.deptype::text AS owned, quote_ident(o.relname) AS owner_table,
    quote_ident(a.attname) AS owner_column
FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
    AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
LEFT JOIN pg_class o ON o.oid = d.refobjid LEFT JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum = d.refobjsubid
WHERE {_RELATION} ORDER BY c.relname"""  # noqa: S608 - constants
_FUNCTIONS: Final = f"""
SELECT pg_get_functiondef(p.oid) AS text, p.prokind::text AS kind, quote_ident(n.nspname) AS schema
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE {_of_schema("pg_proc", "p.oid", "p.pronamespace")} AND p.prokind IN ('f', 'p') ORDER BY p.oid"""  # noqa: S608 - constants
_TABLES: Final = f"""
SELECT c.oid, c.relname AS raw, quote_ident(c.relname) AS name, c.relpersistence::text AS persistence,
    array_to_string(c.reloptions, ', ') AS options
FROM pg_class c WHERE {_RELATION} AND c.relkind = 'r' ORDER BY c.relname"""  # noqa: S608 - constants
_COLUMNS: Final = f"""
SELECT a.attrelid AS oid, a.attname AS raw, quote_ident(a.attname) AS name, format_type(a.atttypid, a.atttypmod) AS type,
    a.attnotnull, a.attidentity::text AS identity, a.attgenerated::text AS generated,
    pg_get_expr(d.adbin, d.adrelid) AS expression,
    CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END AS collation
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE {_RELATION} AND c.relkind = 'r' ORDER BY a.attrelid, a.attnum"""  # noqa: S608 - constants
# Foreign keys last: what they refer to has to be unique before.
_CONSTRAINTS: Final = f"""
SELECT quote_ident(c.relname) AS table, quote_ident(k.conname) AS name, pg_get_constraintdef(k.oid) AS text
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE {_RELATION} AND c.relkind = 'r' AND k.contype IN ('p', 'u', 'c', 'x', 'f')
ORDER BY k.contype = 'f', k.contype <> 'p', c.relname, k.conname"""  # noqa: S608 - constants
_INDEXES: Final = f"""
SELECT pg_get_indexdef(c.oid, 0, true) AS text FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
WHERE {_RELATION} AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
ORDER BY c.relname"""  # noqa: S608 - constants
_TRIGGERS: Final = f"""
SELECT pg_get_triggerdef(t.oid, true) AS text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE {_RELATION} AND NOT t.tgisinternal ORDER BY c.relname, t.tgname"""  # noqa: S608 - constants
_VIEWS: Final = f"""
SELECT quote_ident(c.relname) AS name, pg_get_viewdef(c.oid) AS text FROM pg_class c
WHERE {_RELATION} AND c.relkind = 'v' ORDER BY c.oid"""  # noqa: S608 - constants

#: What a statement of a backup may begin with. Each is sent as a single statement.
_ALLOWED: Final = re.compile(
    r"(?:CREATE (?:UNLOGGED )?(?:TABLE|SEQUENCE) |CREATE TYPE |CREATE (?:UNIQUE )?INDEX |CREATE VIEW "
    r"|CREATE OR REPLACE (?:FUNCTION|PROCEDURE) |CREATE (?:CONSTRAINT )?TRIGGER |ALTER TABLE |ALTER SEQUENCE )"
)


async def describe_schema(database: Postgres) -> SchemaDescription:
    """Return the description of the current schema. Call it in a transaction. Raises: BackupRefused."""
    rows = database.rows
    if unknown := await rows(_UNKNOWN):
        raise BackupRefused(
            f"The schema has {unknown[0]['name']!r}, which no backup can describe (a partitioned or foreign table, a "
            "materialized view, row security, a domain or an aggregate). Move it to another schema."
        )
    sequences = await rows(_SEQUENCES)
    before = [f"CREATE TYPE {one['name']} AS ENUM ({one['labels']})" for one in await rows(_ENUMS)]
    before += [
        f"CREATE SEQUENCE {one['name']} AS {one['type']} {_options(one)}"
        for one in sequences
        if one["owned"] != "i"
    ]
    before += [_without_schema(one) for one in await rows(_FUNCTIONS)]
    columns: dict[int, list[Row]] = {}
    for column in await rows(_COLUMNS):
        columns.setdefault(column["oid"], []).append(column)
    identities = {
        (one["owner_table"], one["owner_column"]): one for one in sequences if one["owned"] == "i"
    }
    tables = await rows(_TABLES)
    before += [_table(one, columns.get(one["oid"], []), identities) for one in tables]
    after = [
        f"ALTER SEQUENCE {one['name']} OWNED BY {one['owner_table']}.{one['owner_column']}"
        for one in sequences
        if one["owned"] == "a"
    ]
    indexes = [one["text"] for one in await rows(_INDEXES)]
    constraints = [
        f"ALTER TABLE {one['table']} ADD CONSTRAINT {one['name']} {one['text']}"
        for one in await rows(_CONSTRAINTS)
    ]
    # A foreign key may refer to what an index of its own makes unique.
    after += [*(c for c in constraints if "FOREIGN KEY" not in c), *indexes]
    after += [c for c in constraints if "FOREIGN KEY" in c]
    after += [one["text"] for one in await rows(_TRIGGERS)]
    after += [f"CREATE VIEW {one['name']} AS {one['text']}" for one in await rows(_VIEWS)]
    return SchemaDescription(
        tuple(before),
        tuple(
            TableDescription(
                one["raw"],
                tuple(c["raw"] for c in columns.get(one["oid"], []) if not c["generated"]),
            )
            for one in tables
        ),
        tuple([await _position(database, one) for one in sequences]),
        tuple(after),
    )


def read_description(data: bytes) -> SchemaDescription:
    """Return a description from a backup. Raises: DamagedBackup, also for a statement that none of ours begins like."""
    try:
        description = msgspec.json.decode(data, type=SchemaDescription)
    except msgspec.DecodeError:
        raise DamagedBackup(DAMAGED.format("its schema cannot be read")) from None
    for statement in (*description.before, *description.after):
        if not _ALLOWED.match(statement):
            raise DamagedBackup(DAMAGED.format(f"its schema has the statement {statement[:80]!r}"))
    return description


async def run_statement(database: Postgres, statement: str) -> None:
    """Run one statement of a description. The server refuses several in one text."""
    await database.rows(statement)


async def set_sequences(database: Postgres, description: SchemaDescription) -> None:
    """Set the positions of all sequences of the current schema."""
    for one in description.sequences:
        await database.rows(
            "SELECT setval((quote_ident(current_schema()) || '.' || quote_ident($1::text))::regclass, $2::bigint, $3::bool)",
            one.name,
            one.last_value,
            one.is_called,
        )


def _table(table: Row, columns: list[Row], identities: dict[Any, Row]) -> str:
    lines = []
    for column in columns:
        line = f"{column['name']} {column['type']}"
        if column["collation"]:
            line += f" COLLATE {column['collation']}"
        if column["identity"]:
            sequence = identities[table["name"], column["name"]]
            when = "ALWAYS" if column["identity"] == "a" else "BY DEFAULT"
            line += f" GENERATED {when} AS IDENTITY (SEQUENCE NAME {sequence['name']} {_options(sequence)})"
        elif column["generated"]:
            line += f" GENERATED ALWAYS AS ({column['expression']}) STORED"
        elif column["expression"] is not None:
            line += f" DEFAULT {column['expression']}"
        if column["attnotnull"]:
            line += " NOT NULL"
        lines.append(line)
    kind = "UNLOGGED TABLE" if table["persistence"] == "u" else "TABLE"
    options = f" WITH ({table['options']})" if table["options"] else ""
    return f"CREATE {kind} {table['name']} ({', '.join(lines)}){options}"


def _options(sequence: Row) -> str:
    cycle = "CYCLE" if sequence["seqcycle"] else "NO CYCLE"
    return (
        f"START {sequence['seqstart']} INCREMENT {sequence['seqincrement']} MINVALUE {sequence['seqmin']} "
        f"MAXVALUE {sequence['seqmax']} CACHE {sequence['seqcache']} {cycle}"
    )


def _without_schema(function: Row) -> str:
    """Return the definition of a function without the name of its schema."""
    kind = "FUNCTION" if function["kind"] == "f" else "PROCEDURE"
    begin = f"CREATE OR REPLACE {kind} "
    text: str = function["text"]
    return begin + text.removeprefix(f"{begin}{function['schema']}.")


async def _position(database: Postgres, sequence: Row) -> SequenceDescription:
    found = await database.rows(f"SELECT last_value, is_called FROM {sequence['name']}")  # noqa: S608 - quoted
    return SequenceDescription(sequence["raw"], found[0]["last_value"], found[0]["is_called"])
