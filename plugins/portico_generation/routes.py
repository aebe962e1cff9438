"""Routes below `/api/v1/tasks`: what a model generates for clients, and the settings of it."""

from litestar.params import JSONBody
from litestar.types import ASGIApp

from portico.api import InvalidRequest
from portico.api.web import (
    Controller,
    JSONResponse,
    Request,
    get,
    json_response,
    post,
    stream_response,
)
from portico_generation import generator as kinds
from portico_generation.components import GenerationPlugin
from portico_generation.generator import GenerationInput, GenerationKind
from portico_generation.schemas import (
    AutocompleteForm,
    ConversationForm,
    EmojiForm,
    GenerationConfig,
    GenerationConfigAnswer,
    MixtureForm,
    QueriesForm,
)

#: Bytes of the form: it has eight templates.
MAX_CONFIG_BYTES = 4 * 1024 * 1024


class GenerationConfigRoutes(Controller):
    """`/api/v1/tasks/config`: models, switches and prompts."""

    plugin: GenerationPlugin

    @get("/api/v1/tasks/config", response_type=GenerationConfigAnswer)
    async def get_generation_config(self) -> JSONResponse:
        """Return the settings of generation."""
        return json_response(await self.plugin.config.current())

    @post(
        "/api/v1/tasks/config/update",
        requires="settings:write",
        max_body=MAX_CONFIG_BYTES,
        response_type=GenerationConfigAnswer,
    )
    async def update_generation_config(
        self, request: Request, data: JSONBody[GenerationConfig]
    ) -> JSONResponse:
        """Change the settings of generation, and return the active ones."""
        return json_response(await self.plugin.config.update(request.user, data))


class GenerationRoutes(Controller):
    """`/api/v1/tasks/…/completions`: each returns a completion of a model, in OpenAI's form."""

    plugin: GenerationPlugin

    @post("/api/v1/tasks/title/completions", large_body=True)
    async def generate_title(self, request: Request, data: JSONBody[ConversationForm]) -> ASGIApp:
        """Generate the title of a conversation: `{"title"}` as text."""
        if not (await self.plugin.generator.settings()).enable_title:
            return json_response({"detail": "Title generation is disabled"})
        return self._about(request, kinds.TITLE, data)

    @post("/api/v1/tasks/follow_up/completions", large_body=True)
    async def generate_follow_ups(
        self, request: Request, data: JSONBody[ConversationForm]
    ) -> ASGIApp:
        """Generate what the user may ask next: `{"follow_ups": […]}` as text."""
        if not (await self.plugin.generator.settings()).enable_follow_ups:
            return json_response({"detail": "Follow-up generation is disabled"})
        return self._about(request, kinds.FOLLOW_UPS, data)

    @post("/api/v1/tasks/tags/completions", large_body=True)
    async def generate_tags(self, request: Request, data: JSONBody[ConversationForm]) -> ASGIApp:
        """Generate the tags of a conversation: `{"tags": […]}` as text."""
        if not (await self.plugin.generator.settings()).enable_tags:
            return json_response({"detail": "Tags generation is disabled"})
        return self._about(request, kinds.TAGS, data)

    @post("/api/v1/tasks/queries/completions", large_body=True)
    async def generate_queries(self, request: Request, data: JSONBody[QueriesForm]) -> ASGIApp:
        """Generate search queries for the last message: `{"queries": […]}` as text. 400 if they are disabled."""
        settings = await self.plugin.generator.settings()
        if data.type == "web_search" and not settings.enable_search_queries:
            raise InvalidRequest("Search query generation is disabled")
        if data.type == "retrieval" and not settings.enable_retrieval_queries:
            raise InvalidRequest("Query generation is disabled")
        return self._about(request, kinds.QUERIES, data)

    @post("/api/v1/tasks/auto/completions", large_body=True)
    async def autocomplete(self, request: Request, data: JSONBody[AutocompleteForm]) -> ASGIApp:
        """Generate how a text goes on: `{"text"}` as text. 400 if that is disabled, or the text is too long."""
        settings = await self.plugin.generator.settings()
        if not settings.enable_autocomplete:
            raise InvalidRequest("Autocompletion generation is disabled")
        most = settings.autocomplete_max_chars
        if 0 < most < len(data.prompt):
            raise InvalidRequest(f"Input prompt exceeds maximum length of {most}")
        given = GenerationInput(
            model=data.model,
            messages=[message.to_chat_message() for message in data.messages or ()],
            prompt=data.prompt,
            values={"TYPE": data.type or "General"},
        )
        return self._respond(request, kinds.AUTOCOMPLETE, given)

    @post("/api/v1/tasks/emoji/completions", large_body=True)
    async def generate_emoji(self, request: Request, data: JSONBody[EmojiForm]) -> ASGIApp:
        """Generate an emoji that fits a text."""
        given = GenerationInput(model=data.model, prompt=data.prompt)
        return self._respond(request, kinds.EMOJI, given)

    @post("/api/v1/tasks/image_prompt/completions", large_body=True)
    async def generate_image_prompt(
        self, request: Request, data: JSONBody[ConversationForm]
    ) -> ASGIApp:
        """Generate the prompt of an image that the conversation asks for: `{"prompt"}` as text."""
        return self._about(request, kinds.IMAGE_PROMPT, data)

    @post("/api/v1/tasks/moa/completions", large_body=True)
    async def merge_answers(self, request: Request, data: JSONBody[MixtureForm]) -> ASGIApp:
        """Merge several answers to a question into one, whole or streamed."""
        answers = "\n\n".join(f'"""{response}"""' for response in data.responses)
        given = GenerationInput(
            model=data.model,
            prompt=data.prompt,
            values={"responses": answers},
            stream=bool(data.stream),
        )
        return self._respond(request, kinds.MIXTURE, given)

    def _about(self, request: Request, kind: GenerationKind, data: ConversationForm) -> ASGIApp:
        given = GenerationInput(model=data.model, messages=data.chat_messages())
        return self._respond(request, kind, given)

    def _respond(self, request: Request, kind: GenerationKind, given: GenerationInput) -> ASGIApp:
        completion = self.plugin.generator.complete(request.user, kind, given)
        return stream_response(request, completion)
