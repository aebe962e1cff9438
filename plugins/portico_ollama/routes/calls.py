"""Calls of models in Ollama's API, and in OpenAI's below `/ollama/v1`."""

import msgspec
from litestar.params import JSONBody
from litestar.types import ASGIApp

from portico.api.web import Controller, Request, post, stream_response
from portico_ollama.components import OllamaPlugin
from portico_ollama.native_answer import ChatWriter, GenerateWriter, TextCompletionWriter
from portico_ollama.native_request import read_chat, read_completion, read_generate
from portico_ollama.routes.connection_index import connection_index, indexed

Body = JSONBody[dict[str, msgspec.Raw]]


class OllamaCallRoutes(Controller):
    """`/ollama/api/chat`, `generate`, `embed`, `embeddings`, and `/ollama/v1`. `url_idx`: the connection that must answer."""

    plugin: OllamaPlugin

    @post(indexed("/ollama/api/chat"), large_body=True, errors="ollama")
    async def chat(self, request: Request, data: Body) -> ASGIApp:
        """Continue a chat. Streams lines of JSON unless `stream` is false."""
        given = read_chat(data)
        answer = self.plugin.calls.complete(
            given, request.user, connection_index(request), ChatWriter
        )
        return stream_response(request, answer)

    @post(indexed("/ollama/api/generate"), large_body=True, errors="ollama")
    async def generate(self, request: Request, data: Body) -> ASGIApp:
        """Complete a prompt. Streams lines of JSON unless `stream` is false."""
        given = read_generate(data)
        answer = self.plugin.calls.complete(
            given, request.user, connection_index(request), GenerateWriter
        )
        return stream_response(request, answer)

    @post(indexed("/ollama/api/embed"), large_body=True, errors="ollama")
    async def embed(self, request: Request, data: Body) -> ASGIApp:
        """Return a vector for each text of `input`."""
        calls = self.plugin.calls
        answer = calls.embed(data, request.user, connection_index(request), is_former_api=False)
        return stream_response(request, answer)

    @post(indexed("/ollama/api/embeddings"), large_body=True, errors="ollama")
    async def embed_prompt(self, request: Request, data: Body) -> ASGIApp:
        """Return the vector of `prompt`."""
        calls = self.plugin.calls
        answer = calls.embed(data, request.user, connection_index(request), is_former_api=True)
        return stream_response(request, answer)

    @post(indexed("/ollama/v1/chat/completions"), large_body=True, errors="openai")
    async def complete_chat(self, request: Request, data: Body) -> ASGIApp:
        """Continue a chat, in OpenAI's API."""
        given = read_chat(data, stream=False)
        return stream_response(
            request, self.plugin.calls.complete(given, request.user, connection_index(request))
        )

    @post(indexed("/ollama/v1/completions"), large_body=True, errors="openai")
    async def complete_text(self, request: Request, data: Body) -> ASGIApp:
        """Complete a prompt, in OpenAI's former API."""
        given = read_completion(data)
        answer = self.plugin.calls.complete(
            given, request.user, connection_index(request), TextCompletionWriter
        )
        return stream_response(request, answer)
