"""Groups in whatever form they were written down: one reader for HTTP and the command line."""

from typing import Annotated, Any, BinaryIO, TypeAlias

import msgspec

from portico.api import SchemaOf, ValidationError, explain_misfit, lenient_decoder, read_items
from portico_groups.schemas import MOST_GROUPS, ImportedGroup

#: Faults that are told at a time.
MAX_FAULTS = 50

#: The body of an import: a list, `{"groups": […]}`, or a single group; also several of them after one another.
GroupsBody: TypeAlias = Annotated[msgspec.Raw, SchemaOf(ImportedGroup | list[ImportedGroup])]


def read_groups(file: BinaryIO) -> list[ImportedGroup]:
    """Every group of an import. Raises: UnreadableImport; Misshapen with all that do not fit, each with its place."""
    groups: list[ImportedGroup] = []
    faults: list[dict[str, Any]] = []
    decoder = lenient_decoder(ImportedGroup)
    for place, item in enumerate(read_items(file, ("groups",), "groups")):
        if place == MOST_GROUPS:
            faults.append(_fault("too_long", ["body"], f"At most {MOST_GROUPS} groups at once"))
            break
        try:
            groups.append(decoder.decode(item.text))
        except msgspec.ValidationError as error:
            found = explain_misfit(str(error), "body")
            way = [] if item.is_alone else [*filter(None, [item.key]), item.index]
            faults.append(found | {"loc": ["body", *way, *found["loc"][1:]]})
    if faults:
        raise ValidationError(faults[:MAX_FAULTS])
    return groups


def _fault(kind: str, loc: list[str | int], msg: str) -> dict[str, Any]:
    return {"type": kind, "loc": loc, "msg": msg}
