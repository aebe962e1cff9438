"""The model catalogue: models of sources, the workspace records based on them, and who may use what."""

from portico.catalogue.catalogue import Catalogue
from portico.catalogue.message_action import ActionRequest, MessageAction
from portico.catalogue.own_keys import FILTER_OPTIONS, is_own_key
from portico.catalogue.resolved_model import ResolvedModel
from portico.catalogue.response_error import REQUEST_ERROR_STATUSES, error_in, status_error
from portico.catalogue.source import (
    EVENT_STREAM,
    JSON_MEDIA_TYPE,
    MAX_CHAIN_LENGTH,
    OPERATIONS,
    AddedFiles,
    ModelCard,
    ModelSource,
    Operation,
    SourceProvider,
    SourceRequest,
    SourceResponse,
    WorkspaceModel,
    WorkspaceModels,
    close_body,
    operations_of,
)
from portico.catalogue.source_cache import SourceStatus
from portico.catalogue.text_response import text_response

__all__ = [
    "EVENT_STREAM",
    "FILTER_OPTIONS",
    "JSON_MEDIA_TYPE",
    "MAX_CHAIN_LENGTH",
    "OPERATIONS",
    "REQUEST_ERROR_STATUSES",
    "ActionRequest",
    "AddedFiles",
    "Catalogue",
    "MessageAction",
    "ModelCard",
    "ModelSource",
    "Operation",
    "ResolvedModel",
    "SourceProvider",
    "SourceRequest",
    "SourceResponse",
    "SourceStatus",
    "WorkspaceModel",
    "WorkspaceModels",
    "close_body",
    "error_in",
    "is_own_key",
    "operations_of",
    "status_error",
    "text_response",
]
