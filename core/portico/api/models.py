"""Model sources: how a plugin offers models, and what they are asked."""

from portico.catalogue.source import (
    EVENT_STREAM,
    JSON_MEDIA_TYPE,
    MAX_CHAIN_LENGTH,
    ModelCard,
    ModelSource,
    SourceRequest,
    SourceResponse,
    WorkspaceModel,
    WorkspaceModels,
)
from portico.catalogue.text_response import text_response

__all__ = [
    "EVENT_STREAM",
    "JSON_MEDIA_TYPE",
    "MAX_CHAIN_LENGTH",
    "ModelCard",
    "ModelSource",
    "SourceRequest",
    "SourceResponse",
    "WorkspaceModel",
    "WorkspaceModels",
    "text_response",
]
