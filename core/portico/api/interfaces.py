"""Protocols and events that several plugins share: chats and folders."""

from portico.interfaces import (
    SHARED_ACCOUNT_PREFIX,
    ChatChanged,
    ChatStore,
    FolderLookup,
    FolderPath,
    FoldersDeleting,
    MessageEvent,
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
    "SharedChats",
]
