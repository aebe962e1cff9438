"""The sample of small mistakes: each changes one place, and the module can still be read."""

import ast
from pathlib import Path

import pytest
from tests.mutants.__main__ import TARGETS, candidates, modules_at, suite_for
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
    modules = modules_at(target)
    first = next(found[0] for module in modules if (found := candidates((module,))))
    last = next(found[-1] for module in reversed(modules) if (found := candidates((module,))))
    for path in suite_for(first.module):
        assert (ROOT / path).exists()
    ast.parse(last.mistake.made_in((ROOT / last.module).read_bytes()))
