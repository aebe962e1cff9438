"""One import: its options, whom the principals of the source are here, and what is reported."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from portico.transfer.principals import PrincipalMap

if TYPE_CHECKING:
    from portico.transfer.formats import SourceFiles

#: Notes with their ids that are kept; more are only counted.
MAX_KEPT_IDS: Final = 20


@dataclass(frozen=True, slots=True)
class ImportChoices:
    """What the operator decided.

    `link_accounts`: an account of the source whose address an account here has is that account. `keep_admins`: imported
    administrators stay administrators.
    """

    link_accounts: bool = False
    keep_admins: bool = False


class RunNote(NamedTuple):
    """One reason why something of a record was left out. `records`: how many they are; `ids`: the first of them."""

    kind: str
    reason: str
    records: int
    ids: tuple[str, ...]


class RunNotes:
    """What was left out of records that were taken, counted by kind and reason."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._ids: dict[tuple[str, str], list[str]] = {}

    def add(self, kind: str, reason: str, record_id: str = "", count: int = 1) -> None:
        """Note that something was left out. `reason`: a sentence without ids or texts of users, so that equal ones are counted."""
        key = (kind, reason)
        self._counts[key] = self._counts.get(key, 0) + count
        ids = self._ids.setdefault(key, [])
        if record_id and len(ids) < MAX_KEPT_IDS:
            ids.append(record_id)

    def all(self) -> list[RunNote]:
        """Return all notes, in the order in which the reasons came up."""
        return [
            RunNote(kind, reason, count, tuple(self._ids[kind, reason]))
            for (kind, reason), count in self._counts.items()
        ]


@dataclass(frozen=True, slots=True)
class ImportRun:
    """One run of an import. It acts as the operator, so no limits of users apply.

    `dry_run`: nothing is written, and all outcomes are as if it were. `accounts`, `groups`: whom ids of the source are here;
    owners, members and rights go through them. `files`: contents that records name.
    """

    files: "SourceFiles"
    dry_run: bool = False
    choices: ImportChoices = field(default_factory=ImportChoices)
    accounts: PrincipalMap = field(default_factory=lambda: PrincipalMap("account"))
    groups: PrincipalMap = field(default_factory=lambda: PrincipalMap("group"))
    notes: RunNotes = field(default_factory=RunNotes)
    #: Ids in the source of the accounts that are administrators there, whatever they become here.
    administrators: set[str] = field(default_factory=set)
