"""The words of code and texts: one term for one thing, and cases that a reader can look up."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("core", "plugins", "policies", "examples", "tests", "deploy", ".ci")
SUFFIXES = {".py", ".md", ".toml", ".csv", ".txt", ".html", ".conf", ".service", ".json", ""}
#: Files that quote words: the list itself, and the names that earlier releases had.
EXCEPT = {"tests/repository/words.toml", "tests/repository/test_words.py"}
WORDS: list[dict[str, Any]] = tomllib.loads(
    (ROOT / "tests" / "repository" / "words.toml").read_text(encoding="utf-8")
)["word"]
CASE = re.compile(r'\bcase\(\s*"([^"]+)"')
ID_IN_NAME = re.compile(r"test_(ab|ft|d_chat|d_mod)_?\d", re.IGNORECASE)


def _texts() -> Iterator[tuple[str, str]]:
    """Path and text of each file, but migrations, which never change."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in [*found, *ROOT.glob("*.md"), ROOT / "pyproject.toml"]:
        name = path.relative_to(ROOT).as_posix()
        skipped = {"migrations", "__pycache__", "upgrade", "data"} & set(
            path.relative_to(ROOT).parts
        )
        if path.suffix in SUFFIXES and name not in EXCEPT and not skipped:
            text = path.read_text(encoding="utf-8")
            # Earlier entries keep the words of their time.
            yield (
                name,
                text.partition("\n## Unreleased, in the words before")[0]
                if name == "CHANGELOG.md"
                else text,
            )


TEXTS = list(_texts())


@pytest.mark.parametrize("word", WORDS, ids=lambda word: str(word["instead"]))
def test_banned_word_stands_only_where_the_list_allows(word: dict[str, Any]) -> None:
    pattern = re.compile(word["pattern"], re.IGNORECASE)
    allowed = {one["path"]: re.compile(one["line"]) for one in word.get("allowed", ())}
    found = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in TEXTS
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line) and not (name in allowed and allowed[name].search(line))
    ]
    assert not found, f"say {word['instead']} instead:\n" + "\n".join(found)


def test_allowed_place_of_a_banned_word_still_has_it() -> None:
    texts = dict(TEXTS)
    stale = [
        one
        for word in WORDS
        for one in word.get("allowed", ())
        if not any(
            re.search(word["pattern"], line, re.IGNORECASE) and re.search(one["line"], line)
            for line in texts.get(one["path"], "").splitlines()
        )
    ]
    assert stale == []


def test_every_case_is_in_the_table_of_the_readme() -> None:
    table = re.findall(r"^\| ([A-Z-]+\d+) \|", (ROOT / "tests" / "README.md").read_text(), re.M)
    marked = {
        case
        for name, text in TEXTS
        if name.startswith("tests/") and name.endswith(".py")
        for case in CASE.findall(text)
    }
    assert marked <= set(table)


def test_names_of_tests_contain_no_case() -> None:
    named = [
        f"{name}:{node.name}"
        for name, text in TEXTS
        if name.startswith("tests/") and name.endswith(".py")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and ID_IN_NAME.match(node.name)
    ]
    assert named == []
