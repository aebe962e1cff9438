"""Reads groups from every format of export, for HTTP and the command line."""

from typing import Annotated, Any, BinaryIO, TypeAlias

import msgspec

from portico.api import ValidationError
from portico.api.json import SchemaOf, fault, lenient_decoder, read_items, to_field_error
from portico_groups.schemas import MAX_GROUPS, ImportedGroup

#: Errors in one response.
MAX_ERRORS = 50

#: The body of an import: a list, `{"groups": […]}`, or a single group; also several of them after one another.
GroupsBody: TypeAlias = Annotated[msgspec.Raw, SchemaOf(ImportedGroup | list[ImportedGroup])]


def read_groups(file: BinaryIO) -> list[ImportedGroup]:
    """Return all groups of an import.

    Raises: UnreadableImport; ValidationError that lists each group that does not fit, with its location.
    """
    groups: list[ImportedGroup] = []
    errors: list[dict[str, Any]] = []
    decoder = lenient_decoder(ImportedGroup)
    for place, item in enumerate(read_items(file, ("groups",), "groups")):
        if place == MAX_GROUPS:
            errors.append(fault("too_long", ["body"], f"At most {MAX_GROUPS} groups at once"))
            break
        try:
            groups.append(decoder.decode(item.text))
        except msgspec.ValidationError as error:
            found = to_field_error(str(error), "body")
            path = [] if item.is_alone else [*filter(None, [item.key]), item.index]
            errors.append(found | {"loc": ["body", *path, *found["loc"][1:]]})
    if errors:
        raise ValidationError(errors[:MAX_ERRORS])
    return groups
