"""Errors of single objects in an import, and the one error response that reports all of them."""

import msgspec

from portico.errors import (
    DomainError,
    Forbidden,
    InvalidRequest,
    NotFound,
    ValidationError,
    field_error,
)
from portico.web.request.json_decoding import to_field_error

#: Errors that one response lists; the rest are counted.
MAX_LISTED = 50


class ItemError(msgspec.Struct, frozen=True):
    """One object that cannot be imported, and why. `index`: its position in the list, from 0."""

    index: int
    id: str | None
    error: DomainError

    @property
    def reason(self) -> str:
        """The reason as one sentence, with the name of the field."""
        if isinstance(self.error, ValidationError):
            return "; ".join(f"{_field(f['loc'][1:])}{f['msg']}" for f in self.error.faults)
        return self.error.detail.removeprefix("[ERROR: ").removesuffix("]")


def raise_item_errors(faults: list[ItemError], under: tuple[str, ...], what: str) -> None:
    """Raise one error for all of these, if there are any. `under`: path of the list in the body. `what`: its items' name.

    Raises: ValidationError with all wrong shapes if there is one; else InvalidRequest if a value is wrong; else
    Forbidden.
    """
    if not faults:
        return
    faults = sorted(faults, key=lambda fault: fault.index)
    wrong_shapes = [
        {**one, "loc": ["body", *under, fault.index, *one["loc"][1:]]}
        for fault in faults
        if isinstance(fault.error, ValidationError)
        for one in fault.error.faults
    ]
    if wrong_shapes:
        raise ValidationError(wrong_shapes[:MAX_LISTED])
    listed = "; ".join(f"{what}[{fault.index}]: {fault.reason}" for fault in faults[:MAX_LISTED])
    more = f"; and {len(faults) - MAX_LISTED} more" if len(faults) > MAX_LISTED else ""
    only_rights = all(isinstance(fault.error, Forbidden | NotFound) for fault in faults)
    raise (Forbidden if only_rights else InvalidRequest)(f"[ERROR: {listed}{more}]")


def json_error(error: Exception) -> ValidationError:
    """Return the error of a text that msgspec could not decode."""
    if isinstance(error, msgspec.ValidationError):
        return ValidationError([to_field_error(str(error), "body")])
    return field_error((), "json_invalid", "It is not valid JSON")


def _field(loc: list[str | int]) -> str:
    return f"{'.'.join(map(str, loc))}: " if loc else ""
