"""Model sources: how a plugin offers models, and what they are asked.

Constants:

    EVENT_STREAM      Media type of a streamed response.
    JSON_MEDIA_TYPE   Media type of a response that is not streamed.
    MAX_CHAIN_LENGTH  Number of presets that may be based on one another.
"""

from portico.catalogue.resolved_model import ResolvedModel
from portico.catalogue.response_error import error_in
from portico.catalogue.source import (
    EVENT_STREAM,
    JSON_MEDIA_TYPE,
    MAX_CHAIN_LENGTH,
    ModelCard,
    ModelSource,
    SourceProvider,
    SourceRequest,
    SourceResponse,
    WorkspaceModel,
    WorkspaceModels,
    close_body,
)
from portico.catalogue.text_response import text_response

__all__ = [
    "EVENT_STREAM",
    "JSON_MEDIA_TYPE",
    "MAX_CHAIN_LENGTH",
    "ModelCard",
    "ModelSource",
    "ResolvedModel",
    "SourceProvider",
    "SourceRequest",
    "SourceResponse",
    "WorkspaceModel",
    "WorkspaceModels",
    "close_body",
    "error_in",
    "text_response",
]
