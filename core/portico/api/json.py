"""JSON that stays bytes, lenient decoding, errors of fields, and the readers of imported files.

For routes, services and commands alike: nothing here needs the web framework.

Constants, types and decorators:

    JSONObject  Type of a field with a JSON object that stays bytes; the OpenAPI document shows an object.
    RawFields   The top-level keys of a JSON object; the values stay JSON text.
"""

from portico import raw_object
from portico.errors import fault, field_error
from portico.raw_object import RawFields
from portico.web.openapi.schema_of import JSONObject, SchemaOf
from portico.web.request.cooperative import let_others_run
from portico.web.request.field_values import optional_value, required_value
from portico.web.request.import_errors import ItemError, json_error, raise_item_errors
from portico.web.request.import_items import ImportItem, plain_value, read_items
from portico.web.request.json_decoding import to_field_error
from portico.web.request.json_scanner import UnreadableImport
from portico.web.request.lenient_json import decode_anything, lenient_decoder
from portico.web.request.sanitize import sanitize_json
from portico.web.request.utf8 import decode_utf8, first_invalid_byte
from portico.web.response.json_array import json_array_stream

__all__ = [
    "ImportItem",
    "ItemError",
    "JSONObject",
    "RawFields",
    "SchemaOf",
    "UnreadableImport",
    "decode_anything",
    "decode_utf8",
    "fault",
    "field_error",
    "first_invalid_byte",
    "json_array_stream",
    "json_error",
    "lenient_decoder",
    "let_others_run",
    "optional_value",
    "plain_value",
    "raise_item_errors",
    "raw_object",
    "read_items",
    "required_value",
    "sanitize_json",
    "to_field_error",
]
