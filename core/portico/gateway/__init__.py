"""The gateway: every request to a model goes through it. Filters see the request and the answer, and the router picks the source."""

from portico.gateway.announced_keys import with_keys
from portico.gateway.call import CallResult, GatewayCall, GatewayResponse, Outcome, TokenUsage
from portico.gateway.chat_answers import AnswerChoice, AnswerPiece, ChatAnswer
from portico.gateway.gateway import Deferral, Gateway
from portico.gateway.model_filter import ModelFilter, StreamEditor
from portico.gateway.routed_source import SourceActivity
from portico.gateway.router import Router
from portico.gateway.translation import AnswerTranslator, translated_response
from portico.gateway.usage_estimate import estimated_input

__all__ = [
    "AnswerChoice",
    "AnswerPiece",
    "AnswerTranslator",
    "CallResult",
    "ChatAnswer",
    "Deferral",
    "Gateway",
    "GatewayCall",
    "GatewayResponse",
    "ModelFilter",
    "Outcome",
    "Router",
    "SourceActivity",
    "StreamEditor",
    "TokenUsage",
    "estimated_input",
    "translated_response",
    "with_keys",
]
