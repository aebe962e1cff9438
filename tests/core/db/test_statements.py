"""How SQLite reads a statement."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.db import row_chunks
from portico.db.sqlite.statements import prepare, split


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT $1, $12", "SELECT ?1, ?12"),
        ("SELECT $2, $1", "SELECT ?2, ?1"),
        ("SELECT $1, $1", "SELECT ?1, ?1"),
        # Numbers that say nothing: SQLite would look each of them up in a list.
        ("INSERT INTO a VALUES ($1, $2), ($3, $4)", "INSERT INTO a VALUES (?, ?), (?, ?)"),
        ("SELECT '$1', \"$1\", $1", "SELECT '$1', \"$1\", ?"),
        ("SELECT 'it''s $1', $1", "SELECT 'it''s $1', ?"),
        ("SELECT $1 -- not $2\n, $2 /* nor\n$3 */", "SELECT ? -- not $2\n, ? /* nor\n$3 */"),
    ],
)
def test_only_real_placeholders_are_translated(sql: str, text: str) -> None:
    assert prepare(sql)[0] == text


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("select 1", True),
        ("  -- why\n /* how */ (SELECT 1)", True),
        ("VALUES (1)", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", True),
        ("WITH a AS (SELECT 1) DELETE FROM b", False),
        ("INSERT INTO a VALUES (1) RETURNING b", False),
        ("", False),
    ],
)
def test_reading_statements_are_recognized(sql: str, reads: bool) -> None:
    assert prepare(sql)[1] is reads


def test_semicolons_inside_statements_do_not_end_them() -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = ';'; DELETE FROM c; END"
    script = f"-- first; really\nCREATE TABLE a (b);\n;{trigger};\nSELECT ';' /* ; */"
    first, second, third = split(script)
    assert first.startswith("-- first; really\nCREATE TABLE a (b)")
    assert second == f"{trigger};"
    assert third.strip() == "SELECT ';' /* ; */;"


@given(st.lists(st.text(alphabet="ab;'\n-", max_size=8), min_size=1, max_size=5))
def test_any_strings_survive_a_script(values: list[str]) -> None:
    script = "CREATE TABLE t (v);" + ";".join(
        "INSERT INTO t VALUES ('{}')".format(value.replace("'", "''")) for value in values
    )
    connection = sqlite3.connect(":memory:")
    for statement in split(script):
        connection.execute(statement)
    assert [v for (v,) in connection.execute("SELECT v FROM t ORDER BY rowid")] == values
    connection.close()


@pytest.mark.parametrize(
    ("rows", "sizes"), [(0, []), (1, [1]), (64, [64]), (151, [64, 64, 16, 4, 2, 1])]
)
def test_rows_are_written_in_few_sizes(rows: int, sizes: list[int]) -> None:
    found = list(row_chunks(range(rows)))
    assert [len(some) for some in found] == sizes
    assert [row for some in found for row in some] == list(range(rows))
