"""Decoding of JSON texts, with errors that name the field. No error quotes what was sent."""

import re
from typing import Any

import msgspec

from portico.errors import ValidationError, fault
from portico.web.request.lenient_json import lenient_decoder


def read_json(body: bytes, kind: Any, *, where: str = "body") -> Any:
    """Decode a body that `BodyScanner` has checked into `kind`, scalars as `LenientDecoder` reads them.

    Raises: ValidationError, with the field and the expected type.
    """
    try:
        return lenient_decoder(kind).decode(body)
    except msgspec.ValidationError as error:
        raise ValidationError([to_field_error(str(error), where)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        text = str(error) if isinstance(error, msgspec.DecodeError) else "it is not UTF-8 JSON"
        raise ValidationError(
            [fault("json_invalid", [where], f"JSON decode error: {text}")]
        ) from None


_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]+)`")
_EXPECTED = re.compile(r"Expected `(?P<kind>[^`]+)`")
_CHOICE = re.compile(r"Invalid (?:enum )?value ")
_PATH = re.compile(r" - at `(?P<path>\$?[^`]*)`\Z")
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")
_KINDS = {
    "int": "int_parsing",
    "float": "float_parsing",
    "bool": "bool_parsing",
    "str": "string_type",
    "object": "dict_type",
    "array": "list_type",
}


def to_field_error(message: str, where: str) -> dict[str, Any]:
    """Convert the message of a `msgspec.ValidationError` to `{type, loc, msg}`.

    msgspec quotes the expected type, and the value only of a choice, which is left out: no part of the input is returned.
    """
    loc: list[str | int] = [where]
    if at := _PATH.search(message):
        message = message[: at.start()]
        for step in _STEP.finditer(at["path"]):
            loc.append(
                step["key"]
                if step["key"]
                else int(step["index"])
                if step["index"].isdigit()
                else "..."
            )
    if missing := _MISSING.search(message):
        return fault("missing", [*loc, missing["field"]], "Field required")
    if expected := _EXPECTED.search(message):
        first = expected["kind"].split(" | ")[0]
        return fault(_KINDS.get(first, "type_error"), loc, message)
    if _CHOICE.match(message):
        return fault("literal_error", loc, "Input should be one of the allowed values")
    return fault("value_error", loc, message)
