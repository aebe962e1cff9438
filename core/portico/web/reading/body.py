"""Reading a JSON body: its depth, its syntax, its shape, and a 422 that names the field.

Handlers write `data: SomeStruct` and get one, decoded in a single pass from the bytes; fields typed `msgspec.Raw`
stay bytes. Nothing here echoes what was sent.
"""

import re
from typing import Any

import msgspec
from litestar.dto import AbstractDTO
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from portico.errors import Misshapen
from portico.web.reading.lenient import lenient_decoder
from portico.web.reading.mended import mended

_NOT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)


def deeper_than(limit: int, body: bytes) -> bool:
    """Whether a JSON text nests deeper than `limit`; a text that is not JSON may get either answer.

    Brackets alone are left of it and pairs are taken out level by level, so the work is done by `bytes` methods at
    memory speed. Only where brackets stand inside strings, and so do not pair up, are strings taken out first.
    """
    brackets = body.translate(None, _NOT_BRACKETS)
    if len(brackets) <= limit or not _collapses_not(limit, brackets):
        return False
    return _collapses_not(limit, _STRINGS.sub(b"", body).translate(None, _NOT_BRACKETS))


def _collapses_not(limit: int, brackets: bytes) -> bool:
    for _ in range(limit):
        if not brackets:
            return False
        # A dot in the place of each pair keeps the pair around it apart until the next level.
        shorter = brackets.replace(b"{}", b".").replace(b"[]", b".").translate(None, b".")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return bool(brackets)


def read_json(body: bytes, kind: Any, *, max_depth: int, where: str = "body") -> Any:
    """Decode a body into `kind`, scalars as `LenientDecoder` reads them. Raises: Misshapen, naming the place and what was expected there."""
    if deeper_than(max_depth, body):
        raise Misshapen([fault("json_depth", [where], f"JSON is nested deeper than {max_depth}")])
    try:
        return lenient_decoder(kind).decode(body)
    except msgspec.ValidationError as error:
        raise Misshapen([explain(str(error), where)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        text = str(error) if isinstance(error, msgspec.DecodeError) else "it is not UTF-8 JSON"
        raise Misshapen([fault("json_invalid", [where], f"JSON decode error: {text}")]) from None


def fault(kind: str, loc: list[str | int], msg: str) -> dict[str, Any]:
    return {"type": kind, "loc": loc, "msg": msg}


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


def explain(message: str, where: str) -> dict[str, Any]:
    """Turn msgspec's sentence about a misfit into `{type, loc, msg}`.

    msgspec quotes what it expected, never what it got, so nothing of the input comes back.
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
    """How Litestar reads `data`: straight from bytes, by `read_json`."""

    model_type = object

    def decode_bytes(self, value: bytes) -> Any:
        """Called by Litestar with the whole body, within its size limit."""
        connection = self.asgi_connection
        handler = connection.route_handler
        annotation = handler.parsed_data_field.annotation
        return read_json(mended(value), annotation, max_depth=connection.app.state.max_depth)

    def decode_builtins(self, value: Any) -> Any:
        """Forms are not accepted: this API speaks JSON."""
        raise Misshapen([fault("json_invalid", ["body"], "Send the body as application/json")])

    @classmethod
    def create_for_field_definition(
        cls, field_definition: Any, handler_id: str, backend_cls: Any = None
    ) -> None:
        """Nothing to prepare: decoders are made on first use."""

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        return field_definition.name == "data"

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """The schema of the struct itself; nothing is renamed or left out on the way in."""
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Any:
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        return False
