"""The API documentation: `/openapi.json` and `/docs`. The page loads nothing from other servers."""

import asyncio
import base64
import hashlib
import re
from importlib.resources import files
from typing import Any

from litestar import Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Server

from portico import __version__
from portico.settings.schema import CoreSettings
from portico.web.middleware.security_headers import csp_header
from portico.web.response.json_response import JSONResponse
from portico.web.routes import Request, get


class DocsPage(OpenAPIRenderPlugin):
    """A self-contained HTML page that reads `/openapi.json` and renders it."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Any, openapi_schema: dict[str, Any]) -> bytes:
        """Return the page. Called by Litestar for `GET /docs`."""
        return _page()


def _page() -> bytes:
    return files("portico.web.openapi").joinpath("docs.html").read_bytes()


def _page_policy() -> str:
    """Return the page's Content-Security-Policy: its own script and style, by hash, and requests to this server only."""
    directives = ["default-src 'none'", "connect-src 'self'"]
    for element in ("script", "style"):
        inside = re.search(rf"<{element}>(.*?)</{element}>".encode(), _page(), re.DOTALL)
        assert inside is not None
        digest = base64.b64encode(hashlib.sha256(inside[1]).digest()).decode()
        directives.append(f"{element}-src 'sha256-{digest}'")
    return "; ".join(
        [*directives, "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]
    )


@get("/openapi.json", access="public", include_in_schema=False)
async def schema(request: Request) -> JSONResponse:
    """Return the OpenAPI 3.1 document of all registered routes."""
    # Built by the first request, which takes half a second, so in a thread.
    return JSONResponse(await asyncio.to_thread(lambda: request.app.openapi_json))  # type: ignore[attr-defined]


def open_api(settings: CoreSettings) -> OpenAPIConfig:
    """Return Litestar's OpenAPI configuration, with the page at `/docs`."""
    return OpenAPIConfig(
        title=settings.name,
        version=__version__,
        description="A server for talking to AI models. Send `Authorization: Bearer <token>`.",
        use_handler_docstrings=True,
        render_plugins=[DocsPage()],
        openapi_router=Router(
            "/docs",
            route_handlers=[],
            opt={"access": "public", "content_policy": csp_header(_page_policy())},
            include_in_schema=False,
        ),
        servers=[Server(url=settings.server.base_path or "/")],
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer")}
        ),
        security=[{"bearer": []}],
    )
