"""For whom an import runs, and how."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from portico.api.auth import Actor

#: Called with the number of objects that were processed since the last call.
Progress: TypeAlias = Callable[[int], None]


def no_progress(_: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What all steps of an import share.

    `actor`: whose permissions apply. `replace_all`: a sync: all models become those of the list, others are deleted;
    otherwise only models the actor may write are changed. `body_path`: keys on the way to the list in the body.
    `is_strict`: access fields that cannot be imported unchanged are errors; otherwise access is reduced, with a note.
    `reports_missing`: add notes about users and groups that do not exist here. `keeps_owners`: a new model or template
    gets the account it names as owner, if that exists, else the actor; existing ones keep their owners in any case.
    `on_step`: called with the number of objects done, twice for each object.
    """

    actor: Actor
    replace_all: bool = False
    body_path: tuple[str, ...] = ()
    is_strict: bool = False
    reports_missing: bool = True
    keeps_owners: bool = False
    on_step: Progress = no_progress
