"""Routes of embeddings."""

import msgspec
from litestar.params import JSONBody
from litestar.types import ASGIApp

from portico.api.web import Controller, Request, post, stream_response
from portico_embeddings.service import Embeddings


class EmbeddingRoutes(Controller):
    """`/api/embeddings`, and the same below `/api/v1`."""

    plugin: Embeddings

    @post(["/api/embeddings", "/api/v1/embeddings"], large_body=True, errors="openai")
    async def create(self, request: Request, data: JSONBody[dict[str, msgspec.Raw]]) -> ASGIApp:
        """Return the vector of a text, or of each text of a list. OpenAI's request and response."""
        return stream_response(request, self.plugin.create(data, request.user))
