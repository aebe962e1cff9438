"""`/ollama/models`: files of models that administrators bring to a server."""

from litestar.params import JSONBody
from litestar.types import ASGIApp

from portico.api.web import Controller, Request, post, stream_response
from portico_ollama.components import OllamaPlugin
from portico_ollama.routes.connection_index import connection_index, indexed
from portico_ollama.routes.management import MANAGE
from portico_ollama.schemas import ModelURLForm

#: Bytes of a file.
MAX_FILE_BYTES = 1024 * 1024 * 1024 * 1024


class OllamaFileRoutes(Controller):
    """Files from a URL, and from the client."""

    plugin: OllamaPlugin

    @post(indexed("/ollama/models/download"), requires=MANAGE, errors="ollama")
    async def download_model(self, request: Request, data: JSONBody[ModelURLForm]) -> ASGIApp:
        """Bring a file from Hugging Face or GitHub to a server. Streams events with the progress."""
        index = connection_index(request)
        return stream_response(request, self.plugin.files.download(data.url, index))

    @post(
        indexed("/ollama/models/upload"),
        requires=MANAGE,
        max_body=MAX_FILE_BYTES,
        form={"file": "The file of the model"},
        errors="ollama",
    )
    async def upload_model(self, request: Request) -> ASGIApp:
        """Bring the file of a multipart form to a server, and make a model of it. Returns events."""
        kind = request.headers.get("content-type", "")
        taken = self.plugin.files.take(
            kind, request.stream(), request.user, connection_index(request)
        )
        return stream_response(request, await taken)
