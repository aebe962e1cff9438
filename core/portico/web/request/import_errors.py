"""What is wrong with single objects of an import, and how all of it is said at once."""

import msgspec

from portico.errors import DomainError, Forbidden, InvalidRequest, NotFound, ValidationError
from portico.web.request.json_body import to_field_error

#: Faults that one answer tells of; the rest are counted.
MOST_TOLD = 50


class ItemError(msgspec.Struct, frozen=True):
    """One object that cannot be brought in, and why. `index`: its place in the list, from 0."""

    index: int
    id: str | None
    error: DomainError

    @property
    def reason(self) -> str:
        """One sentence, with the name of the field."""
        if isinstance(self.error, ValidationError):
            return "; ".join(f"{_field(f['loc'][1:])}{f['msg']}" for f in self.error.faults)
        return self.error.detail.removeprefix("[ERROR: ").removesuffix("]")


def raise_item_errors(faults: list[ItemError], under: tuple[str, ...], what: str) -> None:
    """Raise one refusal for all of these, if there is any. `under`: where in the body the list is. `what`: what
    it lists.

    Raises: Misshapen if a shape is wrong, with all wrong shapes; else Invalid if a value is; else Forbidden.
    """
    if not faults:
        return
    faults = sorted(faults, key=lambda fault: fault.index)
    misshapen = [
        {**one, "loc": ["body", *under, fault.index, *one["loc"][1:]]}
        for fault in faults
        if isinstance(fault.error, ValidationError)
        for one in fault.error.faults
    ]
    if misshapen:
        raise ValidationError(misshapen[:MOST_TOLD])
    told = "; ".join(f"{what}[{fault.index}]: {fault.reason}" for fault in faults[:MOST_TOLD])
    more = f"; and {len(faults) - MOST_TOLD} more" if len(faults) > MOST_TOLD else ""
    only_rights = all(isinstance(fault.error, Forbidden | NotFound) for fault in faults)
    raise (Forbidden if only_rights else InvalidRequest)(f"[ERROR: {told}{more}]")


def field_error(field: str, kind: str, message: str) -> ValidationError:
    """A field of another shape."""
    return ValidationError([{"type": kind, "loc": ["body", field], "msg": message}])


def json_error(error: Exception) -> ValidationError:
    """What msgspec could not decode."""
    if isinstance(error, msgspec.ValidationError):
        return ValidationError([to_field_error(str(error), "body")])
    message = "It is not JSON that can be read back"
    return ValidationError([{"type": "json_invalid", "loc": ["body"], "msg": message}])


def _field(loc: list[str | int]) -> str:
    return f"{'.'.join(map(str, loc))}: " if loc else ""
