"""Protocols and events that several plugins share: chats, replies in the making, calls of models, prices, API keys, folders and notices.

Constants:

    MICROS_PER_UNIT        Amounts of money are in millionths of the currency.
    SHARED_ACCOUNT_PREFIX  With the id of a shared chat behind it, stands for the account that shares the chat.
"""

from portico.folder_lookup import FolderLookup, FolderPath, FoldersDeleting
from portico.interfaces import (
    MICROS_PER_UNIT,
    SHARED_ACCOUNT_PREFIX,
    ApiKeyLookup,
    BackgroundTasks,
    BrowserPictures,
    ChatAnnotations,
    ChatBranch,
    ChatChanged,
    ChatMentions,
    ChatMessage,
    ChatStore,
    MessageEvent,
    ModelCall,
    ModelCaller,
    ModelPrice,
    ModelRecord,
    Prices,
    ReplyDelta,
    ReplyEnded,
    ReplyFinishing,
    ReplyLookup,
    ReplyModels,
    ReplyStarted,
    RunningReplies,
    SharedChats,
)
from portico.refusal_notice import RefusalNotice

__all__ = [
    "MICROS_PER_UNIT",
    "SHARED_ACCOUNT_PREFIX",
    "ApiKeyLookup",
    "BackgroundTasks",
    "BrowserPictures",
    "ChatAnnotations",
    "ChatBranch",
    "ChatChanged",
    "ChatMentions",
    "ChatMessage",
    "ChatStore",
    "FolderLookup",
    "FolderPath",
    "FoldersDeleting",
    "MessageEvent",
    "ModelCall",
    "ModelCaller",
    "ModelRecord",
    "ModelPrice",
    "Prices",
    "RefusalNotice",
    "ReplyDelta",
    "ReplyEnded",
    "ReplyFinishing",
    "ReplyLookup",
    "ReplyModels",
    "ReplyStarted",
    "RunningReplies",
    "SharedChats",
]
