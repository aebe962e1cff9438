"""Reading the migrations of a plugin."""

import importlib
import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import resources

from portico.db.database import Database, Dialect
from portico.db.errors import BadMigration
from portico.db.sqlite.statements import first_word, split

_FILE = re.compile(
    r"(?P<name>(?P<number>\d{4})_[a-z0-9_]+)(?P<kind>(?:\.(?:sqlite|postgres))?\.sql|\.py)"
)
_DOLLAR_QUOTED = re.compile(r"\$(\w*)\$.*?\$\1\$", re.DOTALL)
_SAFE_BESIDE = re.compile(r"^(?:--|#) *safe-beside: *(?P<step>[a-z0-9_]+) *$", re.MULTILINE)
_IGNORED = {"__init__.py", "__pycache__"}
# They would end the transaction that a step shares with its entry in the book.
_FORBIDDEN = {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "VACUUM"}


@dataclass(frozen=True)
class Migration:
    """One migration: `name` is its file name without endings, `run` expects an open transaction."""

    name: str
    run: Callable[[Database], Awaitable[None]]
    #: The oldest newest step of a running instance beside which this one may be applied: `previous` = the
    #: step before this one, the name of an earlier step, or empty = no instance that does not know this step.
    safe_beside: str = ""


def read_migrations(package: str, dialect: Dialect) -> list[Migration]:
    """The steps in `package`, in order.

    A step is `0001_words.sql`, or the pair `0001_words.sqlite.sql` and `0001_words.postgres.sql`,
    or `0001_words.py` with `async def forwards(database)`. A line `-- safe-beside: previous` (`#` in Python)
    declares that instances of the previous release may go on while it is applied. Raises `BadMigration`.
    """
    kinds: dict[str, set[str]] = {}
    try:
        files = [entry.name for entry in resources.files(package).iterdir()]
    except (ImportError, OSError) as error:
        raise BadMigration(f"{package} cannot be read: {error}") from error
    for file in files:
        if file in _IGNORED:
            continue
        found = _FILE.fullmatch(file)
        if found is None:
            raise BadMigration(
                f"{package}: {file} is not named like 0001_words.sql or 0001_words.py"
            )
        kinds.setdefault(found["name"], set()).add(found["kind"])
    for number, name in enumerate(sorted(kinds), start=1):
        if int(name[:4]) != number:
            raise BadMigration(f"{package}: {name} stands where number {number:04} is expected")
    return [_step(package, name, kinds[name], dialect) for name in sorted(kinds)]


def _step(package: str, name: str, kinds: set[str], dialect: Dialect) -> Migration:
    if kinds == {".py"}:
        return Migration(
            name,
            lambda database: _run_module(f"{package}.{name}", database),
            _declared(_read(package, f"{name}.py")),
        )
    if kinds == {".sql"}:
        ending = ".sql"
    elif kinds == {".sqlite.sql", ".postgres.sql"}:
        ending = f".{dialect}.sql"
    else:
        raise BadMigration(f"{package}: {name} needs one file, or one for each database")
    script = _read(package, f"{name}{ending}")
    for statement in split(_DOLLAR_QUOTED.sub("''", script)):
        if (verb := first_word(statement)) in _FORBIDDEN:
            raise BadMigration(f"{package}: {name} must not contain {verb}")
    return Migration(name, lambda database: database.script(script), _declared(script))


def _read(package: str, file: str) -> str:
    return resources.files(package).joinpath(file).read_text(encoding="utf-8")


def _declared(text: str) -> str:
    """What the step says about instances that do not know it."""
    found = _SAFE_BESIDE.search(text)
    return found["step"] if found else ""


async def _run_module(module: str, database: Database) -> None:
    forwards = getattr(importlib.import_module(module), "forwards", None)
    if not inspect.iscoroutinefunction(forwards):
        raise BadMigration(f"{module} has no `async def forwards(database)`")
    await forwards(database)
