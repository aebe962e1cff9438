"""Reads the migration files of a package."""

import importlib
import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import resources

from portico.db.database import Database, Dialect
from portico.db.errors import BadMigration
from portico.db.migration_checksums import checksum_of
from portico.db.sqlite.statements import first_word, split
from portico.errors import Unavailable

_FILE = re.compile(
    r"(?P<name>(?P<number>\d{4})_[a-z0-9_]+)(?P<kind>(?:\.(?:sqlite|postgres))?\.sql|\.py)"
)
_DOLLAR_QUOTED = re.compile(r"\$(\w*)\$.*?\$\1\$", re.DOTALL)
_SAFE_BESIDE = re.compile(r"^(?:--|#) *safe-beside: *(?P<step>[a-z0-9_]+) *$", re.MULTILINE)
_IGNORED = {"__init__.py", "__pycache__"}
# These statements would end the transaction in which a migration is applied and recorded.
_FORBIDDEN = {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "VACUUM"}


@dataclass(frozen=True)
class Migration:
    """One migration. `name`: its file name without endings. `run`: needs an open transaction."""

    name: str
    run: Callable[[Database], Awaitable[None]]
    #: Which running instances do not break when this migration is applied: those that know the migration of this name;
    #: `previous` = the one before this; empty = none that does not know this migration.
    safe_beside: str = ""
    #: Of its file.
    checksum: str = ""
    #: Where its SQL is, such as `acme/migrations/0001_notes.sql`; empty for Python, whose tracebacks say that.
    file: str = ""


def read_migrations(package: str, dialect: Dialect) -> list[Migration]:
    """Return the migrations in `package`, in order. Raises: BadMigration."""
    return [
        read_migration(package, name, endings, dialect)
        for name, endings in list_migrations(package).items()
    ]


def list_migrations(package: str) -> dict[str, set[str]]:
    """Return the names of the migrations in `package`, in order, each with the endings of its files. Reads no file.

    A migration is `0001_words.sql`, or the pair `0001_words.sqlite.sql` and `0001_words.postgres.sql`,
    or `0001_words.py` with `async def forwards(database)`. A line `-- safe-beside: previous` (`#` in Python)
    declares that instances of the previous release may keep running while it is applied. Raises: BadMigration.
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
            raise BadMigration(f"{package}: found {name} where number {number:04} is expected")
    return {name: kinds[name] for name in sorted(kinds)}


def read_migration(package: str, name: str, endings: set[str], dialect: Dialect) -> Migration:
    """Read one migration that `list_migrations` found. Raises: BadMigration."""
    ending = _ending(package, name, endings, dialect)
    text, file = _read(package, f"{name}{ending}"), f"{package.replace('.', '/')}/{name}{ending}"
    if endings == {".py"}:
        return Migration(
            name,
            lambda database: _run_module(f"{package}.{name}", database),
            _declared(text),
            checksum_of(text),
        )
    for statement in split(_DOLLAR_QUOTED.sub("''", text)):
        if (verb := first_word(statement)) in _FORBIDDEN:
            raise BadMigration(f"{package}: {name} must not contain {verb}", file)
    return Migration(
        name, lambda database: database.script(text), _declared(text), checksum_of(text), file
    )


def file_checksum(package: str, name: str, endings: set[str], dialect: Dialect) -> str:
    """Return the checksum of a migration's file. Raises: BadMigration."""
    return checksum_of(_read(package, f"{name}{_ending(package, name, endings, dialect)}"))


def _ending(package: str, name: str, endings: set[str], dialect: Dialect) -> str:
    if endings in ({".py"}, {".sql"}):
        return next(iter(endings))
    if endings == {".sqlite.sql", ".postgres.sql"}:
        return f".{dialect}.sql"
    raise BadMigration(f"{package}: {name} needs one file, or one for each database")


def _read(package: str, file: str) -> str:
    try:
        return resources.files(package).joinpath(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadMigration(f"{package}: {file} cannot be read: {error}") from error


def _declared(text: str) -> str:
    """Return the value of `safe-beside` in a migration."""
    found = _SAFE_BESIDE.search(text)
    return found["step"] if found else ""


async def _run_module(module: str, database: Database) -> None:
    forwards = getattr(importlib.import_module(module), "forwards", None)
    if not inspect.iscoroutinefunction(forwards):
        raise BadMigration(f"{module} has no `async def forwards(database)`")
    await database.execute("SAVEPOINT step")
    await forwards(database)
    try:
        await database.execute("RELEASE SAVEPOINT step")
    except Exception as error:  # it is gone with the transaction
        if isinstance(error, Unavailable) and database.dialect == "postgres":
            raise
        raise BadMigration(
            f"{module} ends the transaction that it runs in; leave out BEGIN, COMMIT and ROLLBACK"
        ) from error
