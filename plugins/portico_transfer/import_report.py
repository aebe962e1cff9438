"""What became of the records of an import: counted by kind, with the reasons, and line by line for `--report`."""

from collections import Counter
from collections.abc import Sequence
from typing import IO, Any, Final, get_args

import click
import msgspec

from portico.api.cli import printable, shortened
from portico.api.transfer import Outcome, OutcomeState, RunNote

STATES: Final[tuple[OutcomeState, ...]] = get_args(OutcomeState)
#: Reasons of one kind and state, and ids of each, that are printed.
MAX_REASONS: Final = 10
MAX_IDS: Final = 3


class ImportReport:
    """Counts outcomes. `stream`: where each outcome is written as one line of JSON; None = nowhere."""

    def __init__(self, stream: IO[bytes] | None = None) -> None:
        self._stream = stream
        self.counts: dict[str, Counter[OutcomeState]] = {}
        self._reasons: Counter[tuple[str, OutcomeState, str]] = Counter()
        self._ids: dict[tuple[str, OutcomeState, str], list[str]] = {}

    @property
    def has_rejected(self) -> bool:
        """Whether any record was rejected."""
        return any(one["rejected"] for one in self.counts.values())

    @property
    def imported(self) -> int:
        """The number of records that were imported."""
        return sum(one["imported"] for one in self.counts.values())

    def begin(self, kind: str) -> None:
        """Say that records of a kind follow."""
        self.counts.setdefault(kind, Counter())

    def add(self, kind: str, outcomes: Sequence[Outcome]) -> None:
        """Count outcomes."""
        counts = self.counts[kind]
        for one in outcomes:
            counts[one.state] += 1
            self._write({"kind": kind, "id": one.id, "state": one.state, "reason": one.reason})
            if one.reason:
                key = (kind, one.state, one.reason)
                self._reasons[key] += 1
                ids = self._ids.setdefault(key, [])
                if one.id and len(ids) < MAX_IDS:
                    ids.append(one.id)

    def finish(self, notes: Sequence[RunNote]) -> None:
        """Write what was left out of the source, and the counts."""
        for note in notes:
            self._write(
                {"note": note.reason, "kind": note.kind, "count": note.records, "ids": note.ids}
            )
        self._write({"counts": self.counts})

    def print_table(self, notes: Sequence[RunNote]) -> None:
        """Print the counts by kind, the most frequent reasons, and what was left out."""
        width = max([len(kind) for kind in self.counts] + [len("kind")])
        if not any(self.counts.values()):
            click.echo("There are no records to import.")
            return
        click.echo(f"{'kind':{width}}" + "".join(f"{state:>11}" for state in STATES))
        for kind, counts in self.counts.items():
            if counts:
                click.echo(f"{kind:{width}}" + "".join(f"{counts[one]:>11}" for one in STATES))
        for kind in self.counts:
            self._print_reasons(kind)
        for note in notes:
            click.echo(_line(note.kind, note.records, "", note.reason, note.ids[:MAX_IDS]))

    def _print_reasons(self, kind: str) -> None:
        found = [(key, count) for key, count in self._reasons.most_common() if key[0] == kind]
        for key, count in found[:MAX_REASONS]:
            click.echo(_line(kind, count, f"{key[1]}: ", key[2], self._ids[key]))
        if len(found) > MAX_REASONS:
            click.echo(f"{kind}: {len(found) - MAX_REASONS} more reasons; --report FILE has all")

    def _write(self, line: dict[str, Any]) -> None:
        if self._stream is not None:
            self._stream.write(msgspec.json.encode(line) + b"\n")


def _line(kind: str, count: int, state: str, reason: str, ids: Sequence[str]) -> str:
    named = f" ({', '.join(ids)}{', …' if count > len(ids) else ''})" if ids else ""
    return shortened(printable(f"{kind}: {count} × {state}{reason}{named}"))
