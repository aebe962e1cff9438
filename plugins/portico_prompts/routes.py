"""Routes of prompts."""

from typing import Annotated, Final

from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from portico.api.resources import read_sharing
from portico.api.web import (
    Controller,
    JSONResponse,
    Request,
    delete,
    get,
    json_response,
    post,
)
from portico_prompts.schemas import ListedPrompt, Prompt, PromptChanges, PromptForm
from portico_prompts.service import PromptService

PROMPTS: Final = "/api/v1/prompts"
PROMPT: Final = f"{PROMPTS}/command/{{command:str}}"
#: Bytes of a form: JSON may write each byte of the content as an escape.
MAX_FORM_BYTES: Final = 8 * 1024 * 1024

Command = Annotated[str, PathParameter(description="The prompt's command, without the slash")]
Query = Annotated[
    str, QueryParameter(name="query", description="Part of the command or the title, in any case")
]
#: 0 = all prompts, up to the limits of the settings.
Page = FromQuery[int]


class PromptRoutes(Controller):
    """`/api/v1/prompts`. The header `x-total-count` of lists has the number of all prompts."""

    plugin: PromptService

    @get(PROMPTS, response_type=list[Prompt])
    async def list_readable(
        self, request: Request, *, text: Query = "", page: Page = 0
    ) -> JSONResponse:
        """List the prompts that the caller may insert, newest first; 30 a page if a page is given."""
        return _list(*await self.plugin.readable(request.user, text, page))

    @get(f"{PROMPTS}/list", response_type=list[ListedPrompt])
    async def list_managed(
        self, request: Request, *, text: Query = "", page: Page = 0
    ) -> JSONResponse:
        """List the caller's own prompts and those they may change, newest first; 30 a page if a page is given."""
        return _list(*await self.plugin.listed(request.user, text, page))

    @post(
        f"{PROMPTS}/create",
        requires="prompt:create",
        response_type=Prompt,
        max_body=MAX_FORM_BYTES,
    )
    async def create_prompt(self, request: Request, data: JSONBody[PromptForm]) -> JSONResponse:
        """Create a prompt owned by the caller."""
        sharing = read_sharing(data, await request.body())
        return json_response(await self.plugin.create(request.user, data, sharing))

    @get(PROMPT, response_type=Prompt)
    async def get_prompt(self, request: Request, command: Command) -> JSONResponse:
        """Return one prompt."""
        return json_response(await self.plugin.get(request.user, command))

    @post(f"{PROMPT}/update", response_type=Prompt, max_body=MAX_FORM_BYTES)
    async def update_prompt(
        self, request: Request, command: Command, data: JSONBody[PromptChanges]
    ) -> JSONResponse:
        """Change a prompt. Its id and owner stay, and what the body leaves out; another command renames it."""
        sharing = read_sharing(data, await request.body())
        return json_response(await self.plugin.update(request.user, command, data, sharing))

    @delete(f"{PROMPT}/delete", response_type=bool)
    async def delete_prompt(self, request: Request, command: Command) -> JSONResponse:
        """Delete a prompt."""
        await self.plugin.delete(request.user, command)
        return json_response(True)


def _list(prompts: list[Prompt] | list[ListedPrompt], total: int) -> JSONResponse:
    return json_response(prompts, headers=[(b"x-total-count", b"%d" % total)])
