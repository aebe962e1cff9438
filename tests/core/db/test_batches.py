"""Statements about many things at once."""

import pytest

from portico.api.db import chunks, placeholder_rows, placeholders
from portico.db import MAX_IDS_PER_STATEMENT, Database


def test_chunks_keep_the_order_of_values() -> None:
    ids = [str(number) for number in range(2 * MAX_IDS_PER_STATEMENT + 1)]
    found = list(chunks(ids))
    assert [len(chunk) for chunk in found] == [MAX_IDS_PER_STATEMENT, MAX_IDS_PER_STATEMENT, 1]
    assert [value for chunk in found for value in chunk] == ids
    assert list(chunks(ids[:4], 2)) == [["0", "1"], ["2", "3"]]
    assert list(chunks([])) == []


def test_placeholders_start_at_the_given_number() -> None:
    assert placeholders(3) == "$1, $2, $3"
    assert placeholders(2, first=4) == "$4, $5"
    assert placeholder_rows(2, 3) == "($1, $2, $3), ($4, $5, $6)"


@pytest.mark.anyio
async def test_many_rows_are_written_and_read_in_chunks(database: Database) -> None:
    notes = [(str(number), f"note {number}") for number in range(1200)]
    for chunk in chunks(notes, 400):
        sql = f"INSERT INTO note (id, title) VALUES {placeholder_rows(len(chunk), 2)}"
        await database.execute(sql, *(value for note in chunk for value in note))
    found: list[str] = []
    for ids in chunks([note[0] for note in notes]):
        sql = f"SELECT id FROM note WHERE title <> $1 AND id IN ({placeholders(len(ids), first=2)})"
        found += [row["id"] for row in await database.rows(sql, "note 7", *ids)]
    assert sorted(found) == sorted(note[0] for note in notes if note[0] != "7")
