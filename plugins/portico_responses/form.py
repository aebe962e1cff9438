"""The parts of a request of OpenAI's responses that are read to translate it."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api.json import optional_value, required_value
from portico.api.prompts import is_system_role

#: A value that is raw JSON, and null.
NULL: Final = msgspec.Raw(b"null")


class Audio(msgspec.Struct):
    """Sound, in base64. May be large, so it stays JSON."""

    data: msgspec.Raw
    format: str


class InputPart(msgspec.Struct):
    """A part of a message of any type; each type has some of these keys. What may be large stays JSON."""

    type: str
    text: str = ""
    refusal: str = ""
    image_url: msgspec.Raw = NULL
    detail: str | None = None
    file_data: msgspec.Raw = NULL
    filename: str | None = None
    input_audio: Audio | None = None


class InputItem(msgspec.Struct):
    """An item of the input of any type; each type has some of these keys."""

    type: str = "message"
    role: str = ""
    content: str | list[InputPart] | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    input: str = ""
    output: str | list[InputPart] | None = None


class ResponsesTool(msgspec.Struct):
    """A tool. `type`: `function` and `custom` if the client runs it; others are run by OpenAI."""

    type: str
    name: str = ""
    description: str | None = None
    parameters: msgspec.Raw = NULL
    strict: bool | None = None
    format: msgspec.Raw = NULL


class NamedTool(msgspec.Struct):
    """The name of a tool."""

    type: str
    name: str = ""


class ResponsesToolChoice(msgspec.Struct):
    """Which tools the model may call."""

    type: str
    name: str = ""
    mode: str = "auto"
    tools: list[NamedTool] = []


class TextFormat(msgspec.Struct):
    """The format of the answer."""

    type: str
    name: str = "output"
    schema: msgspec.Raw = NULL
    description: str | None = None
    strict: bool | None = None


class TextConfig(msgspec.Struct):
    """The format of the answer, and how long it is."""

    format: TextFormat | None = None
    verbosity: str | None = None


class Reasoning(msgspec.Struct):
    """How much the model thinks first."""

    effort: str | None = None


class _ItemRole(msgspec.Struct):
    role: Any = None


class ResponsesHead(msgspec.Struct, kw_only=True):
    """What is read of every request; the rest is read only to translate it.

    `system_text`: the instructions; empty = none. `data`: all keys as they were sent.
    """

    model: str
    system_text: str
    stream: bool
    data: Mapping[str, msgspec.Raw]

    @property
    def has_system_messages(self) -> bool:
        """Whether the input has messages of the system or the developer."""
        return any(is_system_role(role.role) for role in self._roles)

    def without_system_messages(self) -> "ResponsesHead":
        """Return the request without these messages."""
        items = msgspec.json.decode(self.data["input"], type=list[msgspec.Raw])
        pairs = zip(items, self._roles, strict=True)
        kept = [item for item, role in pairs if not is_system_role(role.role)]
        encoded = msgspec.Raw(msgspec.json.encode(kept))
        return msgspec.structs.replace(self, data={**self.data, "input": encoded})

    @property
    def _roles(self) -> list[_ItemRole]:
        if bytes(self.data.get("input", b""))[:1] != b"[":
            return []
        roles: list[_ItemRole] = required_value(self.data, "input", list[_ItemRole])
        return roles


class ResponsesForm(msgspec.Struct, kw_only=True):
    """A request that is translated. `data`: all keys as they were sent; `rest`: those that are not read here."""

    input: str | list[InputItem]
    tools: list[ResponsesTool]
    tool_choice: str | ResponsesToolChoice | None
    text: TextConfig | None
    reasoning: Reasoning | None
    max_output_tokens: int | None
    parallel_tool_calls: bool | None
    top_logprobs: int | None
    include: list[str]
    data: Mapping[str, msgspec.Raw]
    rest: Mapping[str, msgspec.Raw]

    @property
    def items(self) -> list[InputItem]:
        """The items of the input: a text is the message of a user."""
        return (
            self.input
            if isinstance(self.input, list)
            else [InputItem(role="user", content=self.input)]
        )

    @property
    def custom_tools(self) -> frozenset[str]:
        """The names of tools that take a text."""
        return frozenset(tool.name for tool in self.tools if tool.type == "custom")


_READ: Mapping[str, Any] = {
    "tools": list[ResponsesTool],
    "tool_choice": str | ResponsesToolChoice,
    "text": TextConfig,
    "reasoning": Reasoning,
    "max_output_tokens": int,
    "parallel_tool_calls": bool,
    "top_logprobs": int,
    "include": list[str],
}
#: Keys that are read of every request.
_HEAD = ("model", "instructions", "stream")


def parse_head(data: Mapping[str, msgspec.Raw]) -> ResponsesHead:
    """Parse what is read of every request. Raises: ValidationError, naming the key."""
    return ResponsesHead(
        model=required_value(data, "model", str),
        system_text=optional_value(data, "instructions", str) or "",
        stream=bool(optional_value(data, "stream", bool)),
        data=data,
    )


def parse_form(data: Mapping[str, msgspec.Raw]) -> ResponsesForm:
    """Parse a request that is translated. Raises: ValidationError, naming the key."""
    values = {key: optional_value(data, key, kind) for key, kind in _READ.items()}
    return ResponsesForm(
        input=required_value(data, "input", str | list[InputItem]),
        data=data,
        rest={k: v for k, v in data.items() if k not in (*_READ, *_HEAD, "input")},
        **values | {key: values[key] or [] for key in ("tools", "include")},
    )
