"""Protocols and events that several plugins share: chats, replies in the making, calls of models and folders.

Constants:

    SHARED_ACCOUNT_PREFIX  With the id of a shared chat behind it, stands for the account that shares the chat.
"""

from portico.interfaces import (
    SHARED_ACCOUNT_PREFIX,
    BackgroundTasks,
    ChatAnnotations,
    ChatBranch,
    ChatChanged,
    ChatMessage,
    ChatStore,
    FolderLookup,
    FolderPath,
    FoldersDeleting,
    MessageEvent,
    ModelCall,
    ModelCaller,
    ReplyDelta,
    ReplyEnded,
    ReplyFinishing,
    ReplyStarted,
    RunningReplies,
    SharedChats,
)

__all__ = [
    "SHARED_ACCOUNT_PREFIX",
    "BackgroundTasks",
    "ChatAnnotations",
    "ChatBranch",
    "ChatChanged",
    "ChatMessage",
    "ChatStore",
    "FolderLookup",
    "FolderPath",
    "FoldersDeleting",
    "MessageEvent",
    "ModelCall",
    "ModelCaller",
    "ReplyDelta",
    "ReplyEnded",
    "ReplyFinishing",
    "ReplyStarted",
    "RunningReplies",
    "SharedChats",
]
