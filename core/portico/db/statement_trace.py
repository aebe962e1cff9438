"""Spans of statements: what kind of statement on which table, never its text or its values."""

import re
from collections.abc import Awaitable
from functools import lru_cache
from typing import Final, TypeVar

from portico.tracing import Attributes, span

T = TypeVar("T")
#: Names by the semantic conventions of OpenTelemetry.
_SYSTEMS: Final = {"sqlite": "sqlite", "postgres": "postgresql"}
_OPERATION: Final = re.compile(r"\s*([A-Za-z]{1,16})\b")
_OPERATIONS: Final = frozenset(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"))
_TABLE: Final = re.compile(r'\b(?:FROM|INTO|UPDATE)\s{1,8}"?([a-z_][a-z0-9_]{0,62})\b', re.I)


async def traced_statement(dialect: str, sql: str, statement: Awaitable[T]) -> T:
    """Await a statement in a span."""
    name, attributes = _described(dialect, sql)
    with span(name, "client", attributes):
        return await statement


def commit_attributes(dialect: str) -> Attributes:
    """Return the attributes of the span of a COMMIT."""
    return {"db.system.name": _SYSTEMS[dialect], "db.operation.name": "COMMIT"}


@lru_cache(maxsize=512)
def _described(dialect: str, sql: str) -> tuple[str, Attributes]:
    first, table = _OPERATION.match(sql), _TABLE.search(sql)
    operation = first[1].upper() if first else ""
    attributes = {
        "db.system.name": _SYSTEMS[dialect],
        "db.operation.name": operation if operation in _OPERATIONS else "OTHER",
    }
    if table is None:
        return attributes["db.operation.name"], attributes
    attributes["db.collection.name"] = table[1].lower()
    return f"{attributes['db.operation.name']} {table[1].lower()}", attributes
