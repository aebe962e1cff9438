"""The parts of a request of Anthropic's API that are read to translate it."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from portico.api.json import optional_value, required_value
from portico.api.prompts import is_system_role


class Source(msgspec.Struct):
    """Where an image or a document is. `data`: may be large, so it stays JSON. `content`: of a document that is text or blocks."""

    type: str
    media_type: str = ""
    data: msgspec.Raw = msgspec.Raw(b'""')
    url: str = ""
    content: "str | list[Block]" = ""


class Block(msgspec.Struct):
    """A content block of any type; each type has some of these keys."""

    type: str
    text: str = ""
    source: Source | str | None = None
    title: str | None = None
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")
    tool_use_id: str = ""
    content: "str | list[Block] | None" = None
    is_error: bool | None = None


class Message(msgspec.Struct):
    """A message of the conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class TextBlock(msgspec.Struct):
    """A block of the system prompt."""

    text: str


class MessagesTool(msgspec.Struct):
    """A tool. `type`: `custom` if the client runs it; others are run by Anthropic."""

    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: msgspec.Raw = msgspec.Raw(b"{}")
    strict: bool | None = None


class MessagesToolChoice(msgspec.Struct):
    """Which tools the model may call."""

    type: Literal["auto", "any", "tool", "none"]
    name: str = ""
    disable_parallel_tool_use: bool = False


class Thinking(msgspec.Struct):
    """Whether the model thinks first, and whether its thoughts are sent."""

    type: str
    budget_tokens: int | None = None
    display: str | None = None

    @property
    def is_shown(self) -> bool:
        """Whether the client wants to see the thoughts."""
        return self.type != "disabled" and self.display != "omitted"


class OutputFormat(msgspec.Struct):
    """The schema of the answer."""

    type: str
    schema: msgspec.Raw = msgspec.Raw(b"{}")


class OutputConfig(msgspec.Struct):
    """How much effort the model makes, and the format of its answer."""

    effort: str | None = None
    format: OutputFormat | None = None


class _TurnRole(msgspec.Struct):
    role: Any = None


class MessagesHead(msgspec.Struct, kw_only=True):
    """What is read of every request; the rest is read only to translate it. `data`: all keys as they were sent."""

    model: str
    system: str | list[TextBlock] | None
    stream: bool
    data: Mapping[str, msgspec.Raw]

    @property
    def system_text(self) -> str:
        """The system prompt as one text."""
        if isinstance(self.system, list):
            return "\n".join(block.text for block in self.system)
        return self.system or ""

    @property
    def has_system_messages(self) -> bool:
        """Whether there are messages of the system within the conversation."""
        return any(is_system_role(role.role) for role in self._roles)

    def without_system_messages(self) -> "MessagesHead":
        """Return the request without these messages."""
        messages = msgspec.json.decode(self.data["messages"], type=list[msgspec.Raw])
        pairs = zip(messages, self._roles, strict=True)
        kept = [message for message, role in pairs if not is_system_role(role.role)]
        encoded = msgspec.Raw(msgspec.json.encode(kept))
        return msgspec.structs.replace(self, data={**self.data, "messages": encoded})

    @property
    def _roles(self) -> list[_TurnRole]:
        roles: list[_TurnRole] = required_value(self.data, "messages", list[_TurnRole])
        return roles


class MessagesForm(msgspec.Struct, kw_only=True):
    """A request that is translated. `rest`: the keys that are not read here."""

    max_tokens: int
    messages: list[Message]
    tools: list[MessagesTool]
    tool_choice: MessagesToolChoice | None
    thinking: Thinking | None
    output_config: OutputConfig | None
    stop_sequences: list[str]
    rest: Mapping[str, msgspec.Raw]


_READ: Mapping[str, Any] = {
    "tools": list[MessagesTool],
    "tool_choice": MessagesToolChoice,
    "thinking": Thinking,
    "output_config": OutputConfig,
    "stop_sequences": list[str],
}
#: Keys that are read of every request, and those that must be there.
_HEAD = ("model", "system", "stream")
_REQUIRED = ("max_tokens", "messages")


def parse_head(data: Mapping[str, msgspec.Raw]) -> MessagesHead:
    """Parse what is read of every request. Raises: ValidationError, naming the key."""
    return MessagesHead(
        model=required_value(data, "model", str),
        system=optional_value(data, "system", str | list[TextBlock]),
        stream=bool(optional_value(data, "stream", bool)),
        data=data,
    )


def parse_form(data: Mapping[str, msgspec.Raw]) -> MessagesForm:
    """Parse a request that is translated. Raises: ValidationError, naming the key."""
    values = {key: optional_value(data, key, kind) for key, kind in _READ.items()}
    return MessagesForm(
        max_tokens=required_value(data, "max_tokens", int),
        messages=required_value(data, "messages", list[Message]),
        rest={k: v for k, v in data.items() if k not in (*_READ, *_HEAD, *_REQUIRED)},
        **values | {key: values[key] or [] for key in ("tools", "stop_sequences")},
    )
