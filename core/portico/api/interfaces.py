"""Protocols and events that several plugins share: chats, replies in the making, calls of models, prices, API keys and folders.

Constants:

    MICROS_PER_UNIT        Amounts of money are in millionths of the currency.
    SHARED_ACCOUNT_PREFIX  With the id of a shared chat behind it, stands for the account that shares the chat.
"""

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
    FolderLookup,
    FolderPath,
    FoldersDeleting,
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
    "ReplyDelta",
    "ReplyEnded",
    "ReplyFinishing",
    "ReplyLookup",
    "ReplyModels",
    "ReplyStarted",
    "RunningReplies",
    "SharedChats",
]
