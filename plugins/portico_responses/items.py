"""The items of the output of a response, as they grow."""

import json
from typing import Any

import msgspec


class OutputPart(msgspec.Struct):
    """A part of an item: text, a refusal or reasoning. `key`: where its text is."""

    type: str
    key: str
    texts: list[str] = []
    logprobs: list[Any] = []

    @property
    def text(self) -> str:
        """Its text so far."""
        return "".join(self.texts)

    def document(self) -> dict[str, Any]:
        """Return it as clients see it."""
        more = {"annotations": [], "logprobs": self.logprobs} if self.type == "output_text" else {}
        return {"type": self.type, self.key: self.text, **more}


class OutputItem(msgspec.Struct):
    """An item: reasoning, a message, or the call of a tool. `arguments`: of a call."""

    index: int
    id: str
    type: str
    parts: list[OutputPart] = []
    arguments: list[str] = []
    call_id: str = ""
    name: str = ""
    status: str = "in_progress"

    def document(self) -> dict[str, Any]:
        """Return it as clients see it."""
        head = {"id": self.id, "type": self.type}
        content = [part.document() for part in self.parts]
        match self.type:
            case "message":
                return {**head, "status": self.status, "role": "assistant", "content": content}
            case "reasoning":
                return {**head, "summary": [], "content": content, "status": self.status}
        call = {**head, "status": self.status, "call_id": self.call_id, "name": self.name}
        if self.type == "custom_tool_call":
            return {**call, "input": self.input}
        return {**call, "arguments": "".join(self.arguments)}

    @property
    def input(self) -> str:
        """The text that a call of a custom tool has as its argument `input`; all arguments, if they are not that."""
        arguments = "".join(self.arguments)
        try:
            found = json.loads(arguments).get("input")
        except (ValueError, AttributeError, RecursionError):
            found = None
        return found if isinstance(found, str) else arguments
