"""Routes, requests and responses.

It imports the web framework. Commands do not need that, so import this module where routes are defined, and `portico.api.json` elsewhere.
"""

from portico.web.request.query_parameters import (
    QueryFlag,
    QueryTime,
    parse_query_flag,
    parse_query_time,
)
from portico.web.response.image import IMAGE_RESPONSES, image_response
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
    "JSONResponse",
    "QueryFlag",
    "QueryTime",
    "Request",
    "Socket",
    "StreamResponse",
    "delete",
    "get",
    "image_response",
    "json_response",
    "parse_query_flag",
    "parse_query_time",
    "patch",
    "post",
    "put",
    "route",
    "sign_in_response",
    "stream_response",
    "websocket",
]
