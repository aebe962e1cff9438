"""Chat completions below `/openai`: a call of a model without chats, tasks and events."""

from collections.abc import Mapping
from typing import Final

import msgspec

from portico.api import AppContext, NotFound
from portico.api.auth import Actor
from portico.api.interfaces import ModelCall, ModelCaller
from portico.api.json import field_error, optional_value, required_value
from portico.api.messages import MODEL_NOT_FOUND
from portico.api.models import SourceResponse, is_own_key
from portico.api.prompts import is_system_role, role_of
from portico_openai.source import OpenAISource

#: Keys that are given to the call by name.
_READ_KEYS: Final = frozenset({"model", "messages", "stream"})


class ChatCalls:
    """Calls models of OpenAI-compatible sources."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def complete(self, data: Mapping[str, msgspec.Raw], actor: Actor) -> SourceResponse:
        """Return the model's response, with the parameters and the system prompt of its record.

        Raises: ValidationError; NotFound for a model that the actor may not use, or of another kind of source; all errors
        of the source.
        """
        model: str = required_value(data, "model", str)
        messages: list[msgspec.Raw] = required_value(data, "messages", list[msgspec.Raw])
        stream = bool(optional_value(data, "stream", bool))
        target = await self._app.catalogue.resolve(model, actor)
        if not any(isinstance(source, OpenAISource) for source in target.sources):
            raise NotFound(MODEL_NOT_FOUND, code="model_not_found")
        given = [_message(place, message) for place, message in enumerate(messages)]
        if not await self._app.identity.is_permitted(actor, "chat.system_prompt"):
            pairs = zip(given, messages, strict=True)
            given = [one for one, message in pairs if not is_system_role(role_of(message))]
        decided = target.params.get("stream_response")
        call = ModelCall(
            target=target,
            messages=given,
            body={
                key: value
                for key, value in data.items()
                if key not in _READ_KEYS and not is_own_key(key)
            },
            stream=decided if isinstance(decided, bool) else stream,
        )
        return await self._app.services.require(ModelCaller).call(actor, call)


def _message(place: int, message: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Return a message whose values stay byte for byte."""
    try:
        return msgspec.json.decode(message, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise field_error(["messages", place], "dict_type", "Expected `object`") from None
