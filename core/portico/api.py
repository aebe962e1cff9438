"""The front door: everything a plugin may import from Portico.

A plugin imports this module, the libraries of the stack (litestar, msgspec, piccolo, click), and nothing else of
the house. What is named here changes only with the plugin API's version.
"""

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
from portico.catalogue.text import reply_with_text
from portico.conversations import Conversations
from portico.db import (
    TableSet,
    UniqueViolation,
    after_commit,
    execute,
    new_id,
    now,
    row,
    rows,
    transaction,
)
from portico.errors import (
    ACTION_PROHIBITED,
    INVALID_MODEL_ID,
    INVALID_PASSWORD,
    MODEL_ID_TAKEN,
    MODEL_ID_TOO_LONG,
    MODEL_NOT_FOUND,
    UNAUTHORIZED,
    Forbidden,
    Invalid,
    Misshapen,
    NotFound,
    Refusal,
    SourceFailed,
    SourceTimedOut,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from portico.events import Bus, Listener
from portico.hookspecs import hookimpl
from portico.identity import (
    Account,
    AccountChanged,
    AccountCreated,
    AccountDeleted,
    Actor,
    Group,
    PasswordRule,
    SessionUser,
    SessionUserInfo,
    Welcome,
)
from portico.permissions import PolicyFile, PolicyLine, Resource, ResourceKind
from portico.plugins.house import House, HouseKey, Services
from portico.plugins.info import PluginInfo, Service
from portico.settings.section import Secret, Section, setting
from portico.web.health import HealthCheck
from portico.web.queries import query_flag
from portico.web.reply import JSONBytes, json_reply
from portico.web.routes import Request, delete, get, patch, post, put, route
from portico.web.stream import ReplyStream, stream_reply

__all__ = [
    "ACTION_PROHIBITED",
    "EVENT_STREAM",
    "INVALID_MODEL_ID",
    "INVALID_PASSWORD",
    "JSON",
    "MODEL_ID_TAKEN",
    "MODEL_ID_TOO_LONG",
    "MODEL_NOT_FOUND",
    "UNAUTHORIZED",
    "Account",
    "AccountChanged",
    "AccountCreated",
    "AccountDeleted",
    "Actor",
    "Bus",
    "Completion",
    "Conversations",
    "Forbidden",
    "Group",
    "HealthCheck",
    "House",
    "HouseKey",
    "Invalid",
    "JSONBytes",
    "Listener",
    "Misshapen",
    "ModelCard",
    "ModelSource",
    "NotFound",
    "PasswordRule",
    "PluginInfo",
    "PolicyFile",
    "PolicyLine",
    "Refusal",
    "Reply",
    "ReplyStream",
    "Request",
    "Resource",
    "ResourceKind",
    "Secret",
    "Section",
    "Service",
    "Services",
    "SessionUser",
    "SessionUserInfo",
    "SourceFailed",
    "SourceTimedOut",
    "TableSet",
    "TooLarge",
    "TooMany",
    "Unauthenticated",
    "Unavailable",
    "UniqueViolation",
    "Welcome",
    "WorkspaceModel",
    "WorkspaceModels",
    "after_commit",
    "delete",
    "execute",
    "get",
    "hookimpl",
    "json_reply",
    "new_id",
    "now",
    "patch",
    "post",
    "put",
    "query_flag",
    "reply_with_text",
    "route",
    "row",
    "rows",
    "setting",
    "stream_reply",
    "transaction",
]
