"""Model sources and filters: how a plugin offers models, what they are asked, and how it sees the calls of all models.

Constants:

    EVENT_STREAM      Media type of a streamed response.
    FILTER_OPTIONS    Keys of a client's request that filters read in `SourceRequest.options`.
    JSON_MEDIA_TYPE   Media type of a response that is not streamed.
    MAX_CHAIN_LENGTH  Number of presets that may be based on one another.
    OPERATIONS        The kinds of calls that models answer.
    OWN_KEYS          Keys of requests that are between the client and Portico. Providers never see them.

Types:

    Operation         A kind of call: `chat`, `embeddings`, `responses` or `messages`.
    Deferral          For which answers a caller of the gateway runs the outlets itself.
    Outcome           How a call ended.
"""

from portico.catalogue.message_action import ActionRequest, MessageAction
from portico.catalogue.own_keys import FILTER_OPTIONS, OWN_KEYS, is_own_key
from portico.catalogue.resolved_model import ResolvedModel
from portico.catalogue.response_error import error_in
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
)
from portico.catalogue.source_cache import SourceStatus
from portico.catalogue.text_response import text_response
from portico.gateway import (
    AnswerChoice,
    AnswerPiece,
    AnswerTranslator,
    CallResult,
    ChatAnswer,
    Deferral,
    Gateway,
    GatewayCall,
    GatewayResponse,
    ModelFilter,
    Outcome,
    SourceActivity,
    StreamEditor,
    TokenUsage,
    estimated_input,
    with_keys,
)
from portico.plugins.model_endpoint import ModelEndpoint
from portico.server_sent_events import EventSplitter, event_data, with_data

__all__ = [
    "EVENT_STREAM",
    "FILTER_OPTIONS",
    "JSON_MEDIA_TYPE",
    "MAX_CHAIN_LENGTH",
    "OPERATIONS",
    "OWN_KEYS",
    "ActionRequest",
    "AddedFiles",
    "AnswerChoice",
    "AnswerPiece",
    "AnswerTranslator",
    "CallResult",
    "ChatAnswer",
    "MessageAction",
    "Deferral",
    "EventSplitter",
    "Gateway",
    "GatewayCall",
    "GatewayResponse",
    "ModelCard",
    "ModelEndpoint",
    "ModelFilter",
    "ModelSource",
    "Operation",
    "Outcome",
    "ResolvedModel",
    "SourceActivity",
    "SourceProvider",
    "SourceRequest",
    "SourceResponse",
    "SourceStatus",
    "StreamEditor",
    "TokenUsage",
    "WorkspaceModel",
    "WorkspaceModels",
    "close_body",
    "error_in",
    "estimated_input",
    "event_data",
    "is_own_key",
    "text_response",
    "with_data",
    "with_keys",
]
