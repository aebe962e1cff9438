"""Chat completions: from the client's request to the model's answer.

Implements OpenAI's protocol at `/api/chat/completions` and `/api/v1/chat/completions`.
"""

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from portico.api import AppContext, PluginInfo, hookimpl
from portico_completions.routes import routes
from portico_completions.service import Completions

PLUGIN = PluginInfo(
    api_version=1,
    summary="Chat completions: from the client's request to the model's answer.",
    route_prefixes=("/api/chat/completions", "/api/v1/chat/completions"),
)


@hookimpl
def register_routes(app: AppContext) -> Sequence[ControllerRouterHandler]:
    """Return the completion route, under both of its paths."""
    return routes(Completions(app))
