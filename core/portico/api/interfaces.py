"""Protocols and events that several plugins share: chats, replies in the making, calls of models, prices, API keys, files, folders and notices.

Constants:

    MICROS_PER_UNIT        Amounts of money are in millionths of the currency.
    SHARED_ACCOUNT_PREFIX  With the id of a shared chat behind it, stands for the account that shares the chat.
    TEMPORARY_CHAT_PREFIX  What ids of chats that are not stored begin with.
"""

from portico.interfaces.api_keys import (
    ApiKeyLookup,
)
from portico.interfaces.chats import (
    SHARED_ACCOUNT_PREFIX,
    TEMPORARY_CHAT_PREFIX,
    ChatAnnotations,
    ChatBranch,
    ChatChanged,
    ChatMentions,
    ChatMessage,
    ChatStore,
    MessageEvent,
    ReplyLookup,
    ReplyModels,
    SharedChats,
    WritableChat,
)
from portico.interfaces.files import (
    FileLookup,
)
from portico.interfaces.folders import (
    FolderContext,
    FolderLookup,
    FolderPath,
    FoldersDeleting,
)
from portico.interfaces.models import (
    MICROS_PER_UNIT,
    ModelCall,
    ModelCaller,
    ModelPrice,
    ModelRecord,
    Prices,
)
from portico.interfaces.replies import (
    BackgroundTasks,
    ReplyDelta,
    ReplyEnded,
    ReplyFinishing,
    ReplyStarted,
    RunningReplies,
)
from portico.interfaces.web_client import (
    BrowserPictures,
    RefusalNotice,
)

__all__ = [
    "MICROS_PER_UNIT",
    "SHARED_ACCOUNT_PREFIX",
    "TEMPORARY_CHAT_PREFIX",
    "ApiKeyLookup",
    "BackgroundTasks",
    "BrowserPictures",
    "ChatAnnotations",
    "ChatBranch",
    "ChatChanged",
    "ChatMentions",
    "ChatMessage",
    "ChatStore",
    "FileLookup",
    "FolderContext",
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
    "WritableChat",
]
