"""Documents of imported objects that are JSON in a string, as databases export them."""

from typing import Final, TypeVar

from msgspec import UNSET

from portico.api.json import plain_value
from portico.api.resources import AccessFields

#: Keys whose values databases export as strings.
_DOCUMENTS: Final = ("meta", "params", "access_control", "access_grants")

_Form = TypeVar("_Form", bound=AccessFields)


def unpack_documents(form: _Form) -> _Form:
    """Decode documents that are JSON in a string. Raises: ValidationError."""
    for name in _DOCUMENTS:
        value = getattr(form, name)
        if value is not UNSET and value:
            setattr(form, name, plain_value(value))
    return form
