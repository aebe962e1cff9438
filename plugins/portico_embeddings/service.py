"""Makes embeddings with the models of sources."""

from collections.abc import Mapping

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.json import field_error, required_value
from portico.api.models import SourceRequest, SourceResponse, is_own_key


class Embeddings:
    """Makes embeddings. Knows nothing of HTTP."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def create(self, body: Mapping[str, msgspec.Raw], actor: Actor) -> SourceResponse:
        """Return the source's response to a request of OpenAI's `POST /embeddings`. A preset stands for its base model.

        Raises: ValidationError for a body without model or input; NotFound for an unknown or unreadable model;
        InvalidRequest if none of its sources makes embeddings; all errors of the source.
        """
        model_id = required_value(body, "model", str)
        if bytes(body.get("input", b"null")) == b"null":
            raise field_error("input", "missing", "Field required")
        target = await self._app.catalogue.resolve(model_id, actor)
        request = SourceRequest(
            operation="embeddings",
            model=target.model,
            body={
                key: value for key, value in body.items() if key != "model" and not is_own_key(key)
            },
            params={},  # those of chats
            stream=False,
            actor=actor,
        )
        return await self._app.gateway.send(target, request)
