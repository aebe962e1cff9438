"""Embeddings: vectors of texts, in OpenAI's protocol, from the sources that make them."""

from portico.api import AppContext, PluginInfo, hookimpl

PLUGIN = PluginInfo(
    api_version=1,
    summary="Embeddings: vectors of texts, in OpenAI's protocol.",
    route_prefixes=("/api/embeddings", "/api/v1/embeddings"),
)


@hookimpl
def register_components(app: AppContext) -> object:
    """Return what makes embeddings."""
    from portico_embeddings.service import Embeddings

    return Embeddings(app)


@hookimpl
def register_routes() -> list[object]:
    """Return the routes of embeddings."""
    from portico_embeddings.routes import EmbeddingRoutes

    return [EmbeddingRoutes]
