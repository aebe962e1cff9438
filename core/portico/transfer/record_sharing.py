"""With whom a record is shared here: read by the one reader of access fields, for principals of the source."""

import msgspec
from msgspec import UNSET

from portico.errors import DomainError
from portico.permissions import PRIVATE, Share, Sharing
from portico.resources import AccessFields, imported_sharing
from portico.transfer.each_record import reason_of
from portico.transfer.import_run import ImportRun


def sharing_of_record(
    record: AccessFields, raw: bytes, run: ImportRun, kind: str, record_id: str
) -> Sharing:
    """Return the sharing that a record asks for, between principals of this instance.

    Only an explicit `access_control: null`, or a grant to everyone, makes a record public. Access fields that cannot be read,
    and missing ones, make it private. What is left out is in `run.notes`.
    """
    notes: list[str] = []
    try:
        wanted = imported_sharing(record, msgspec.Raw(raw), notes, is_strict=False)
    except DomainError as error:
        notes.append(f"{reason_of(error)}; only the owner has access")
        wanted = PRIVATE
    for note in notes:
        run.notes.add(kind, note, record_id)
    return PRIVATE if wanted is UNSET else principals_here(wanted, run, kind, record_id)


def principals_here(wanted: Sharing, run: ImportRun, kind: str, record_id: str) -> Sharing:
    """Return a sharing of the source for the principals of this instance. Those that are not here are left out, with a note."""
    shares: dict[Share, None] = {}
    for share in wanted.shares:
        if share.principal_kind == "everyone":
            shares[share] = None
            continue
        known = run.accounts if share.principal_kind == "user" else run.groups
        here = known.get(share.principal_id)
        if here is None:
            word = "an account" if share.principal_kind == "user" else "a group"
            run.notes.add(kind, f"access of {word} that was not taken is left out", record_id)
        else:
            shares[Share(share.action, share.principal_kind, here)] = None
    return Sharing(tuple(shares))
