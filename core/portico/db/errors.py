"""Errors of databases, the same for SQLite and PostgreSQL."""

from dataclasses import dataclass

from portico.errors import DomainError, OperatorError, Unavailable
from portico.terminal.errors import in_command_words


@dataclass(frozen=True)
class Cause:
    """Why the database cannot be used.

    `kind`: equal for causes that count as one outage, such as `unreachable` for a server that refuses connections and then
    starts up. `sentence`: without names and paths, so that clients may see it. `detail`: for the operator.
    """

    kind: str
    sentence: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.sentence}: {self.detail}" if self.detail else self.sentence


def unavailable(cause: Cause) -> Unavailable:
    """Return the error for a known cause."""
    error = Unavailable()
    error.cause = cause
    return error


def cause_of(error: BaseException) -> Cause | None:
    """Return the cause of an error or of the errors that caused it; None if it is not known."""
    seen: BaseException | None = error
    while seen is not None:
        cause = getattr(seen, "cause", None)
        if isinstance(cause, Cause):
            return cause
        seen = seen.__cause__
    return None


def in_words(error: BaseException) -> str:
    """Return the text of an error for the terminal, with its cause if the database cannot be used."""
    cause = None if isinstance(error, OperatorError) else cause_of(error)
    if cause:
        return f"the database cannot be used: {cause}"
    return in_command_words(error) if isinstance(error, DomainError) else str(error)


class BadDatabase(OperatorError):
    """The database address, or the file or server at that address, cannot be used."""


class BadMigration(OperatorError):
    """The migrations of a plugin cannot be read or applied. `file`: the one that is wrong; empty = not known, or Python."""

    def __init__(self, text: str, file: str = "") -> None:
        super().__init__(text)
        self.file = file


class RollBack(Exception):
    """Raised and caught by the same function, to leave a transaction without what it has written, as a dry run does."""


class UniqueViolation(Exception):
    """A row with the same key exists.

    `columns`: the columns of the constraint, without the table. `constraint`: its name on PostgreSQL, on SQLite
    `table.column, …`. Neither contains a value.
    """

    def __init__(self, constraint: str, columns: tuple[str, ...] = ()) -> None:
        super().__init__(constraint)
        self.constraint = constraint
        self.columns = columns


class ForeignKeyViolation(Exception):
    """A row refers to a row that does not exist, or is still referred to.

    `constraint`: its name on PostgreSQL, empty on SQLite.
    """

    def __init__(self, constraint: str = "") -> None:
        super().__init__(constraint or "foreign key violation")
        self.constraint = constraint


class Deadlock(Unavailable):
    """Two transactions waited for each other, and this one was aborted. It may succeed when it is repeated."""


class TransactionFailed(Exception):
    """A statement failed in this transaction and the exception was caught inside, so it cannot be committed.

    To continue after a failing statement, put it into a nested `transaction()` and catch the exception around that.
    """

    def __init__(self) -> None:
        super().__init__(
            "A statement failed earlier in this transaction, so it cannot be committed"
        )
