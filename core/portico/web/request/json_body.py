"""Decoding of JSON bodies, with 422 responses that name the field.

Handlers declare `data: SomeStruct` and get one, decoded in a single pass from the bytes; fields typed `msgspec.Raw`
stay bytes. No error quotes what was sent.
"""

import re
from typing import Any

import msgspec
from litestar.dto import AbstractDTO
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from portico.errors import ValidationError, fault
from portico.web.request.body_budget import HELD_BODY, HeldBody
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
_PATH = re.compile(r" - at `(?P<path>\$?[^`]*)`$")
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

    msgspec quotes the expected type, never the value, so no part of the input is returned.
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
    return fault("value_error", loc, message)


class StrictJSON(AbstractDTO[Any]):
    """Gives Litestar the `data` that `BodyRequest` has decoded."""

    model_type = object

    def decode_bytes(self, value: bytes) -> Any:
        """Return the decoded body. Called by Litestar with the whole body, within its size limit."""
        handler: Any = self.asgi_connection.route_handler
        if handler.opt.get("reads_import"):
            return msgspec.Raw(b"null")  # for `read_items`, which takes more than one JSON text
        held: HeldBody = self.asgi_connection.scope[HELD_BODY]  # type: ignore[typeddict-item]
        return held.value

    def decode_builtins(self, value: Any) -> Any:
        """Refuse forms: only JSON is accepted. Raises: ValidationError."""
        raise ValidationError(
            [fault("json_invalid", ["body"], "Send the body as application/json")]
        )

    @classmethod
    def create_for_field_definition(
        cls, field_definition: Any, handler_id: str, backend_cls: Any = None
    ) -> None:
        """Do nothing: decoders are created on first use."""

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        return field_definition.name == "data"

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """Return the schema of the struct itself; no field is renamed or left out."""
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Any:
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        return False
