"""Answers with responses."""

from collections.abc import Mapping

import msgspec

from portico.api.models import AnswerTranslator, ModelEndpoint
from portico_responses.answer import ResponseTranslator
from portico_responses.chat_request import chat_body, chat_messages
from portico_responses.form import ResponsesForm, ResponsesHead, parse_form, parse_head


class Responses(ModelEndpoint[ResponsesHead, ResponsesForm]):
    """OpenAI's `POST /v1/responses`."""

    operation = "responses"

    def parse_head(self, data: Mapping[str, msgspec.Raw]) -> ResponsesHead:
        """Read what every request needs. Raises: ValidationError."""
        return parse_head(data)

    def parse_form(self, data: Mapping[str, msgspec.Raw]) -> ResponsesForm:
        """Read a request that is translated. Raises: ValidationError, InvalidRequest."""
        return parse_form(data)

    def chat_messages(self, form: ResponsesForm) -> list[msgspec.Raw]:
        """Return the input as messages of chat completions."""
        return chat_messages(form.items)

    def chat_body(self, form: ResponsesForm) -> Mapping[str, msgspec.Raw]:
        """Return the other keys of the chat completion."""
        return chat_body(form)

    def system_key(self, head: ResponsesHead, system: str) -> tuple[str, msgspec.Raw]:
        """Return the instructions."""
        return "instructions", msgspec.Raw(msgspec.json.encode(system))

    def translator(self, form: ResponsesForm, model_id: str) -> AnswerTranslator:
        """Return what translates the answer of a chat completion."""
        return ResponseTranslator(form, model_id)
