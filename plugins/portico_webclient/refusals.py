"""Refuses to create or change what belongs to features that no plugin provides, with a sentence that clients show.

An answer that only looks as if something had been saved would be worse than none.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from portico.api import InvalidRequest
from portico.api.web import Controller, Request, delete, get, post


def missing(feature: str) -> str:
    """Return the sentence for a feature that no plugin provides, a plural noun."""
    return f"{feature} are not available on this server: no plugin provides them."


def refuse(
    feature: str,
    paths: Sequence[str],
    *,
    method: Any = post,
    access: str = "admin",
) -> Any:
    """Return a route that refuses all requests for these paths."""
    sentence = missing(feature)

    @method(list(paths), access=access, placeholder=True)  # type: ignore[untyped-decorator]
    async def refused(self: Any, request: Request) -> None:
        raise InvalidRequest(sentence)

    refused.fn.__doc__ = f"Refuse the request: {sentence}"
    return refused


#: Routes that users can reach, not only administrators.
refuse_users = partial(refuse, access="verified")


class RefusalRoutes(Controller):
    """Requests that would create or change something that does not exist here."""

    tools = refuse_users("Tools", ["/api/v1/tools/create"])
    tools_of_other_servers = refuse(
        "Tools",
        [
            "/api/v1/tools/load/url",
            "/api/v1/configs/tool_servers/verify",
            "/api/v1/configs/oauth/clients/register",
        ],
    )
    functions = refuse(
        "Functions",
        [
            "/api/v1/functions/create",
            "/api/v1/functions/load/url",
            "/api/v1/functions/sync",
        ],
    )
    # Clients have the code of a tool or a function formatted before they save it.
    formatted_code = refuse("Tools and functions", ["/api/v1/utils/code/format"])
    pipelines = refuse("Pipelines", ["/api/v1/pipelines/add", "/api/v1/pipelines/upload"])
    deleted_pipelines = refuse("Pipelines", ["/api/v1/pipelines/delete"], method=delete)
    executed_code = refuse_users("Code interpreters", ["/api/v1/utils/code/execute"])
    knowledge = refuse_users(
        "Knowledge collections", ["/api/v1/knowledge/create", "/api/v1/knowledge/reindex"]
    )
    documents = refuse("Document collections", ["/api/v1/retrieval/reset/db"])
    web_pages = refuse_users(
        "Attached web pages",
        [
            "/api/v1/retrieval/process/youtube",
            "/api/v1/retrieval/process/web/search",
        ],
    )
    files = refuse_users("File uploads", ["/api/v1/files"])
    notes = refuse_users("Notes", ["/api/v1/notes/create"])
    channels = refuse("Channels", ["/api/v1/channels/create"])
    speech = refuse_users("Voices", ["/api/v1/audio/speech"])
    transcriptions = refuse_users("Transcriptions", ["/api/v1/audio/transcriptions"])
    image_servers = refuse("Generated images", ["/api/v1/images/config/url/verify"], method=get)
    generated_images = refuse_users(
        "Generated images", ["/api/v1/images/generations", "/api/v1/images/edit"]
    )
