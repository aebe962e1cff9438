"""What is read of each kind."""

from collections.abc import Mapping
from typing import Final

from portico_openwebui.kinds.accounts import AccountReader
from portico_openwebui.kinds.api_keys import ApiKeyReader, UserApiKeyReader
from portico_openwebui.kinds.chats import CHATS, ChatReader
from portico_openwebui.kinds.feedback import FeedbackReader
from portico_openwebui.kinds.files import FileReader
from portico_openwebui.kinds.folders import FolderReader
from portico_openwebui.kinds.groups import GroupReader
from portico_openwebui.kinds.kind_reader import Block, KindReader, Reading
from portico_openwebui.kinds.memories import MemoryReader
from portico_openwebui.kinds.models import WorkspaceModelReader
from portico_openwebui.kinds.oauth_tokens import OAuthTokenReader
from portico_openwebui.kinds.prompts import PromptReader
from portico_openwebui.kinds.settings import DefaultPermissionReader, SettingReader

__all__ = ["CHATS", "READERS", "Block", "KindReader", "Reading", "kind_readers"]

READERS: Final[tuple[type[KindReader], ...]] = (
    AccountReader,
    ApiKeyReader,
    GroupReader,
    DefaultPermissionReader,
    SettingReader,
    WorkspaceModelReader,
    FolderReader,
    ChatReader,
    PromptReader,
    MemoryReader,
    FileReader,
    FeedbackReader,
    OAuthTokenReader,
)


def kind_readers(reading: Reading) -> Mapping[str, KindReader]:
    """Return the readers by the name of their kind."""
    found = {reader.name: reader(reading) for reader in READERS}
    if reading.database.has("user", "api_key") and not reading.database.has("api_key"):
        found[UserApiKeyReader.name] = UserApiKeyReader(reading)
    return found
