"""The filter that tells models what their user wants them to remember."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from portico.api import AppContext
from portico.api.json import lenient_decoder
from portico.api.models import GatewayCall, ModelFilter
from portico.api.prompts import append_system, role_of, with_text
from portico_memories.schemas import Memory
from portico_memories.service import MemoryService
from portico_memories.settings import MemoriesSettings

NAME: Final = "memories"
#: Begins the block. Source: the API, whose models are told so.
HEADING: Final = "User Context:\n"
#: Bytes of `features`, which are flags; larger ones are not read.
MAX_FEATURES_BYTES: Final = 16 * 1024
#: Bytes of the shortest line: number, date and one letter.
MIN_LINE_BYTES: Final = 17


class _Features(msgspec.Struct):
    memory: bool | None = None


_DECODER: Final = lenient_decoder(_Features)


class MemoryFilter:
    """Adds the memories of the caller to a conversation whose client sends `features.memory`.

    They are the user's words. A user who may not set system prompts has them in their first message, not in the system
    prompt; line breaks and placeholders in them have no effect. A credential that may not read memories gets none.
    """

    def __init__(
        self, app: AppContext, settings: MemoriesSettings, memories: MemoryService
    ) -> None:
        self._app, self._settings, self._memories = app, settings, memories

    def model_filter(self) -> ModelFilter:
        """Return the filter as the gateway takes it."""
        return ModelFilter(name=NAME, operations=frozenset({"chat"}), inlet=self.inlet)

    async def inlet(self, call: GatewayCall) -> None:
        """Add the memories, if the client asks for them and there are any."""
        features = call.request.options.get("features")
        if features is None or not _asks(features) or not self._may_read(call):
            return
        limit = self._settings.max_context_bytes
        memories = await self._memories.newest(call.request.actor, limit // MIN_LINE_BYTES)
        if not memories:
            return
        block = memory_block(memories, limit)
        messages = msgspec.json.decode(call.request.body["messages"], type=list[msgspec.Raw])
        if await self._app.identity.is_permitted(call.request.actor, "chat.system_prompt"):
            messages = append_system(messages, block)
        else:
            messages = _in_first_user_message(messages, block)
        body = {**call.request.body, "messages": msgspec.Raw(msgspec.json.encode(messages))}
        call.request = msgspec.structs.replace(call.request, body=body)

    def _may_read(self, call: GatewayCall) -> bool:
        scope = call.request.actor.scope
        return scope is None or scope.allows("/api/v1/memories", NAME, reads=True)


def memory_block(memories: Sequence[Memory], limit: int) -> str:
    """Return the text that a model is told: a numbered line for each memory, as many as `limit` bytes have room for.

    A first memory that has no room is cut.
    """
    lines: list[str] = []
    room = limit - len(HEADING.encode())
    for number, memory in enumerate(memories, 1):
        day = datetime.fromtimestamp(memory.updated_at, tz=UTC).strftime("%Y-%m-%d")
        # One line, whatever it contains: a memory must not look like another one, or like the end of the block.
        text = " ".join(memory.content.split())
        line = f"{number}. [{day}] {text}\n".encode()
        if len(line) > room and lines:
            break
        lines.append(line[:room].decode(errors="ignore"))
        room -= len(line)
    return HEADING + "".join(lines)


def _asks(features: msgspec.Raw) -> bool:
    if memoryview(features).nbytes > MAX_FEATURES_BYTES:
        return False
    try:
        return bool(_DECODER.decode(features).memory)
    except (msgspec.MsgspecError, RecursionError):
        return False


def _in_first_user_message(messages: Sequence[msgspec.Raw], block: str) -> list[msgspec.Raw]:
    for place, message in enumerate(messages):
        if role_of(message) == "user":
            told = with_text(message, lambda text: f"{block}\n{text}")
            return [*messages[:place], told, *messages[place + 1 :]]
    return list(messages)
