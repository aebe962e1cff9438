"""Protocols and events that several plugins share: chats, replies in the making and folders.

Constants:

    SHARED_ACCOUNT_PREFIX  With the id of a shared chat behind it, stands for the account that shares the chat.
"""

from portico.interfaces import (
    SHARED_ACCOUNT_PREFIX,
    ChatChanged,
    ChatStore,
    FolderLookup,
    FolderPath,
    FoldersDeleting,
    MessageEvent,
    ReplyDelta,
    ReplyEnded,
    ReplyStarted,
    RunningReplies,
    SharedChats,
)

__all__ = [
    "SHARED_ACCOUNT_PREFIX",
    "ChatChanged",
    "ChatStore",
    "FolderLookup",
    "FolderPath",
    "FoldersDeleting",
    "MessageEvent",
    "ReplyDelta",
    "ReplyEnded",
    "ReplyStarted",
    "RunningReplies",
    "SharedChats",
]
