"""Routes, requests and responses.

It imports the web framework. Commands do not need that, so import this module where routes are defined, and `portico.api.json` elsewhere.

Constants, types and decorators:

    IMAGE_RESPONSES  The `responses` of a route that returns an image.
    NO_STORE         A header, as name and value, for responses that must not be stored.
    QueryFlag        Type of a query parameter that `parse_query_flag` reads.
    QueryTime        Type of a query parameter that `parse_query_time` reads.
    Request          A request; `request.user` is the actor, or None on a public route without credentials.
    Socket           A web socket; `socket.user` is as with `Request`.
    delete           `route` with the method DELETE.
    get              `route` with the method GET.
    patch            `route` with the method PATCH.
    post             `route` with the method POST.
    put              `route` with the method PUT.
"""

from portico.web.fallback import Fallback
from portico.web.request.body_budget import drop_body
from portico.web.request.query_parameters import (
    QueryFlag,
    QueryTime,
    parse_query_flag,
    parse_query_time,
)
from portico.web.request_observer import KeptBody, ObservedRequest, RequestObserver
from portico.web.response.byte_range import UnsatisfiableRange, read_range
from portico.web.response.entity_tag import names_etag
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
from portico.web.static import StaticFiles, StaticFolderError

__all__ = [
    "IMAGE_RESPONSES",
    "NO_STORE",
    "Controller",
    "Fallback",
    "JSONResponse",
    "KeptBody",
    "ObservedRequest",
    "QueryFlag",
    "QueryTime",
    "Request",
    "RequestObserver",
    "Socket",
    "StaticFiles",
    "StaticFolderError",
    "StreamResponse",
    "UnsatisfiableRange",
    "delete",
    "drop_body",
    "get",
    "image_response",
    "json_response",
    "names_etag",
    "parse_query_flag",
    "parse_query_time",
    "patch",
    "post",
    "put",
    "read_range",
    "route",
    "sign_in_response",
    "stream_response",
    "websocket",
]
