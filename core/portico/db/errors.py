"""What a database refuses, in words that are the same for SQLite and PostgreSQL."""

from dataclasses import dataclass

from portico.errors import OperatorError, Unavailable


@dataclass(frozen=True)
class Cause:
    """Why the database cannot be used.

    `kind`: the same for all causes that need not be told apart in time, such as `away` for a server that is refused
    and then starts up. `sentence`: without names or paths, fit for anybody's eyes. `detail`: for the operator.
    """

    kind: str
    sentence: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.sentence}: {self.detail}" if self.detail else self.sentence


def unavailable(cause: Cause) -> Unavailable:
    """The error for a known cause."""
    error = Unavailable()
    error.cause = cause
    return error


def cause_of(error: BaseException) -> Cause | None:
    """The cause that an error, or what it came from, is known to have."""
    seen: BaseException | None = error
    while seen is not None:
        cause = getattr(seen, "cause", None)
        if isinstance(cause, Cause):
            return cause
        seen = seen.__cause__
    return None


def in_words(error: BaseException) -> str:
    """An error for the terminal: the operator's own, or with its cause, where the database cannot be used."""
    cause = None if isinstance(error, OperatorError) else cause_of(error)
    return f"the database cannot be used: {cause}" if cause else str(error)


class BadDatabase(OperatorError):
    """The database address, or the place it points to, cannot be used."""


class BadMigration(OperatorError):
    """The migrations of a plugin cannot be read as one unbroken sequence."""


class UniqueViolation(Exception):
    """A row with the same key is there already.

    `columns` are the columns of the broken rule, without the table. `constraint` is its name where
    the database tells it (PostgreSQL), else `table.column, …`. Neither ever holds a value.
    """

    def __init__(self, constraint: str, columns: tuple[str, ...] = ()) -> None:
        super().__init__(constraint)
        self.constraint = constraint
        self.columns = columns


class ForeignKeyViolation(Exception):
    """A row points to one that is not there, or is still pointed to.

    `constraint` is its name where the database tells it (PostgreSQL), else empty.
    """

    def __init__(self, constraint: str = "") -> None:
        super().__init__(constraint or "foreign key violation")
        self.constraint = constraint


class Deadlock(Unavailable):
    """Two transactions waited for each other, and this one was ended. The same may well succeed now."""


class TransactionFailed(Exception):
    """A statement failed in this transaction and the error was swallowed: nothing can be kept.

    To go on after a failing statement, put it into a nested `transaction()` and catch the error
    around that.
    """

    def __init__(self) -> None:
        super().__init__("A statement failed earlier in this transaction, so nothing can be kept")
