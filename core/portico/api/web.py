"""Routes, requests and responses, and the readers of imported files."""

from portico import raw_object
from portico.errors import fault, field_error
from portico.raw_object import RawFields
from portico.web.health import HealthCheck
from portico.web.middleware.proxies import client_address, from_trusted_proxy
from portico.web.openapi.responses import JSONObject, SchemaOf
from portico.web.request.cooperative import let_others_run
from portico.web.request.import_errors import ItemError, json_error, raise_item_errors
from portico.web.request.import_items import ImportItem, plain_value, read_items
from portico.web.request.json_body import to_field_error
from portico.web.request.json_scanner import UnreadableImport
from portico.web.request.lenient_json import decode_anything, lenient_decoder
from portico.web.request.query_parameters import (
    QueryFlag,
    QueryTime,
    parse_query_flag,
    parse_query_time,
)
from portico.web.request.sanitize import sanitize_json
from portico.web.response.image import IMAGE_RESPONSES, image_response
from portico.web.response.json_array import json_array_stream
from portico.web.response.json_response import (
    NO_STORE,
    JSONResponse,
    json_response,
    sign_in_response,
)
from portico.web.response.stream import StreamResponse, stream_response
from portico.web.routes import (
    Controller,
    Request,
    Socket,
    delete,
    get,
    patch,
    post,
    put,
    route,
    websocket,
)

__all__ = [
    "IMAGE_RESPONSES",
    "NO_STORE",
    "Controller",
    "HealthCheck",
    "ImportItem",
    "ItemError",
    "JSONObject",
    "JSONResponse",
    "QueryFlag",
    "QueryTime",
    "RawFields",
    "Request",
    "SchemaOf",
    "Socket",
    "StreamResponse",
    "UnreadableImport",
    "client_address",
    "decode_anything",
    "delete",
    "fault",
    "field_error",
    "from_trusted_proxy",
    "get",
    "image_response",
    "json_array_stream",
    "json_error",
    "json_response",
    "lenient_decoder",
    "let_others_run",
    "parse_query_flag",
    "parse_query_time",
    "patch",
    "plain_value",
    "post",
    "put",
    "raise_item_errors",
    "raw_object",
    "read_items",
    "route",
    "sanitize_json",
    "sign_in_response",
    "stream_response",
    "to_field_error",
    "websocket",
]
