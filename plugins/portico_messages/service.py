"""Answers messages."""

from collections.abc import Mapping

import msgspec

from portico.api.auth import Actor
from portico.api.models import AnswerTranslator, ModelEndpoint, estimated_input
from portico_messages.answer import MessageTranslator
from portico_messages.chat_request import chat_body, chat_messages
from portico_messages.form import MessagesForm, MessagesHead, parse_form, parse_head


class Messages(ModelEndpoint[MessagesHead, MessagesForm]):
    """Anthropic's `POST /v1/messages`."""

    operation = "messages"

    async def count_tokens(self, data: Mapping[str, msgspec.Raw], actor: Actor) -> int:
        """Return about how many tokens a request has: from the sizes of its texts. Raises: as `create`."""
        return estimated_input(
            await self.source_request({"max_tokens": msgspec.Raw(b"1"), **data}, actor)
        )

    def parse_head(self, data: Mapping[str, msgspec.Raw]) -> MessagesHead:
        """Read what every request needs. Raises: ValidationError."""
        return parse_head(data)

    def parse_form(self, data: Mapping[str, msgspec.Raw]) -> MessagesForm:
        """Read a request that is translated. Raises: ValidationError, InvalidRequest."""
        return parse_form(data)

    def chat_messages(self, form: MessagesForm) -> list[msgspec.Raw]:
        """Return the conversation as messages of chat completions."""
        return chat_messages(form.messages)

    def chat_body(self, form: MessagesForm) -> Mapping[str, msgspec.Raw]:
        """Return the other keys of the chat completion."""
        return chat_body(form)

    def system_key(self, head: MessagesHead, system: str) -> tuple[str, msgspec.Raw]:
        """Return the system prompt. The client's blocks stay as they are, since caches of providers depend on them."""
        given, text = head.data.get("system", msgspec.Raw(b"null")), head.system_text
        if bytes(given).startswith(b"[") and text and system.endswith(text):
            above = {"type": "text", "text": system.removesuffix(text).rstrip("\n")}
            blocks = msgspec.json.decode(given, type=list[msgspec.Raw])
            return "system", msgspec.Raw(msgspec.json.encode([above, *blocks]))
        return "system", msgspec.Raw(msgspec.json.encode(system))

    def translator(self, form: MessagesForm, model_id: str) -> AnswerTranslator:
        """Return what translates the answer of a chat completion."""
        return MessageTranslator(
            model_id,
            shows_thinking=form.thinking is not None and form.thinking.is_shown,
            stop_sequences=form.stop_sequences,
        )
