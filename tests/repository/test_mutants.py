"""The sample of small mistakes: each changes one place, and the module can still be read."""

import ast
from pathlib import Path

import pytest
from tests.mutants.__main__ import TARGETS, candidates, suite_for
from tests.mutants.mistakes import mistakes_of

ROOT = Path(__file__).parents[2]
SOURCE = '''
"""Ünïcode before the code: offsets count bytes."""
import os

LIMIT: dict[str, int] = {"é": 2}


def admit(role: str, age: int) -> bool:
    if role == "admin" and not age < 18:
        log.info("seen")
        remember(role, age)
    return True
'''.encode()


def test_mutation_changes_one_place_only() -> None:
    made = {mistake.made_in(SOURCE).decode() for mistake in mistakes_of(SOURCE)}
    text = SOURCE.decode()
    assert made == {
        text.replace('{"é": 2}', '{"é": 3}'),
        text.replace('role == "admin" and not age < 18', "False"),
        text.replace('role == "admin" and not age < 18', "(not age < 18)"),
        text.replace('role == "admin" and not age < 18', "(role == 'admin')"),
        text.replace('role == "admin"', "role != 'admin'"),
        text.replace("not age < 18", "(age < 18)"),
        text.replace("age < 18", "age <= 18"),
        text.replace("18", "19"),
        text.replace("remember(role, age)", "pass"),
        text.replace("return True", "return False"),
    }


@pytest.mark.parametrize("target", TARGETS)
def test_mutant_target_has_mistakes_and_tests(target: str) -> None:
    found = candidates((target,))
    assert found
    for path in suite_for(found[0].module):
        assert (ROOT / path).exists()
    ast.parse(found[-1].mistake.made_in((ROOT / found[-1].module).read_bytes()))
