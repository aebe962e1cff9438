"""What became of one imported record."""

from typing import Literal, TypeAlias

import msgspec

#: `imported`: stored by this run (in a dry run: it would be). `unchanged`: it was there already. `skipped`: valid, but not taken,
#: for the reason given. `rejected`: it cannot be read or stored.
OutcomeState: TypeAlias = Literal["imported", "unchanged", "skipped", "rejected"]


class Outcome(msgspec.Struct, frozen=True):
    """What became of the record with this id. `reason`: a sentence; empty for a record that was taken as it is.

    `id`: empty = the record has none that can be read.
    """

    id: str
    state: OutcomeState
    reason: str = ""


def imported(record_id: str, reason: str = "") -> Outcome:
    """Return that a record was stored. `reason`: what was changed or left out of it."""
    return Outcome(record_id, "imported", reason)


def unchanged(record_id: str) -> Outcome:
    """Return that a record was there already."""
    return Outcome(record_id, "unchanged")


def skipped(record_id: str, reason: str) -> Outcome:
    """Return that a valid record was not taken, such as one of an account that was not taken."""
    return Outcome(record_id, "skipped", reason)


def rejected(record_id: str, reason: str) -> Outcome:
    """Return that a record cannot be read or stored."""
    return Outcome(record_id, "rejected", reason)
