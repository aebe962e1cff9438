"""The gateway: every request to a model goes through it. Filters see the request and the answer, and the router picks the source."""

from portico.gateway.call import CallResult, GatewayCall, GatewayResponse, Outcome, TokenUsage
from portico.gateway.gateway import Deferral, Gateway
from portico.gateway.model_filter import ModelFilter, StreamEditor
from portico.gateway.routed_source import SourceActivity
from portico.gateway.router import Router

__all__ = [
    "CallResult",
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
]
