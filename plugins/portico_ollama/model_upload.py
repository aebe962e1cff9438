"""Brings files of models to Ollama servers: from a URL, or from the client itself. The progress is a stream of events."""

from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from portico.api import AppContext, InvalidRequest
from portico.api.auth import Actor
from portico.api.models import EVENT_STREAM, SourceResponse
from portico_ollama.audit import record_model_change
from portico_ollama.model_file import WRITE_BYTES, ModelFile, read_form
from portico_ollama.model_lookup import ModelLookup
from portico_ollama.source import OllamaSource

ALLOWED_URLS: Final = ("https://huggingface.co/", "https://github.com/")
NOT_ALLOWED: Final = "Invalid file_url. Only URLs from allowed hosts are permitted."


class ModelUpload:
    """Takes files. `index` in the methods: the number of the connection; None = the first."""

    def __init__(self, app: AppContext, models: ModelLookup) -> None:
        self._app, self._models = app, models

    async def download(self, url: str, index: int | None) -> SourceResponse:
        """Return the progress of a file from a URL to the server.

        Raises: InvalidRequest for a host that is not allowed; NotFound for a number without a connection; OllamaDisabled.
        """
        if not url.startswith(ALLOWED_URLS):
            raise InvalidRequest(NOT_ALLOWED)
        source = await self._models.source(index)
        await record_model_change("uploaded", url.partition("?")[0], source)
        return SourceResponse(body=self._downloaded(url, source), content_type=EVENT_STREAM)

    async def take(
        self, content_type: str, body: AsyncIterator[bytes], actor: Actor, index: int | None
    ) -> SourceResponse:
        """Bring the file of a form to the server, and have it make a model of it. Return the events.

        Raises: as `download`; InvalidRequest for a form without a file; SourceFailed.
        """
        source = await self._models.source(index)
        with self._new_file() as file:
            await read_form(content_type, body, file)
            await record_model_change("uploaded", file.model, source)
            sent = await self._send(source, file)
        form = {"model": file.model, "files": {file.name: file.digest}, "stream": False}
        answer = await source.client.call("POST", "/api/create", msgspec.json.encode(form))
        if answer.status >= 400:
            return answer
        await self._app.catalogue.entries_json(actor, refresh=True)
        created = source.connection.options.public_id(file.model)
        events = _progress(file.size, file.size) + _event(sent | {"model_created": created})
        return SourceResponse(body=events, content_type=EVENT_STREAM)

    async def _downloaded(self, url: str, source: OllamaSource) -> AsyncIterator[bytes]:
        with self._new_file() as file:
            file.name = unquote(urlsplit(url).path.rpartition("/")[2]) or "model"
            async with self._app.safe_http.download(url) as answer:
                total, told = answer.content_length or 0, -1
                async for block in answer.content.iter_chunked(WRITE_BYTES):
                    await file.write(block)
                    percent = file.size * 100 // total if total else 0
                    if percent != told:
                        told = percent
                        yield _progress(file.size, total)
            yield _event(await self._send(source, file))

    async def _send(self, source: OllamaSource, file: ModelFile) -> dict[str, Any]:
        """Send the file to the server. Return the last event."""
        content = await file.opened()
        await source.client.send_file(f"/api/blobs/{file.digest}", content)
        return {"done": True, "blob": file.digest, "name": file.name}

    def _new_file(self) -> ModelFile:
        return ModelFile(str(self._app.settings.data_dir))


def _progress(completed: int, total: int) -> bytes:
    percent = round(completed * 100 / total, 2) if total else None
    return _event({"progress": percent, "completed": completed, "total": total})


def _event(fields: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(fields) + b"\n\n"
