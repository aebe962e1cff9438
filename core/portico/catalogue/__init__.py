"""Which models exist: what sources offer, what the workspace says about it, and who may use what."""

from portico.catalogue.catalogue import Catalogue
from portico.catalogue.shelf import SourceState
from portico.catalogue.source import (
    EVENT_STREAM,
    JSON,
    Completion,
    ModelCard,
    ModelSource,
    Reply,
    WorkspaceModel,
    WorkspaceModels,
)
from portico.catalogue.target import Target
from portico.catalogue.text import reply_with_text

__all__ = [
    "EVENT_STREAM",
    "JSON",
    "Catalogue",
    "Completion",
    "ModelCard",
    "ModelSource",
    "Reply",
    "SourceState",
    "Target",
    "WorkspaceModel",
    "WorkspaceModels",
    "reply_with_text",
]
