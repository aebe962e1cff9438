"""The API described: `/openapi.json` for programs, `/docs` for people. Neither needs anything from elsewhere."""

from importlib.resources import files
from typing import Any

import msgspec
from litestar import Controller
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from portico import __version__
from portico.settings.schema import Settings
from portico.web.reply import JSONBytes
from portico.web.routes import Request, get


class Description(Controller):
    """The two routes. They describe every route but themselves."""

    include_in_schema = False

    @get("/openapi.json", access="public")
    async def schema(self, request: Request) -> JSONBytes:
        """OpenAPI 3.1, made of the routes as they are registered."""
        return JSONBytes(msgspec.json.encode(request.app.openapi_schema.to_schema()))

    @get("/docs", access="public")
    async def page(self) -> JSONBytes:
        """One self-contained page that reads `/openapi.json` and draws it."""
        page = files("portico.web").joinpath("docs.html").read_bytes()
        return JSONBytes(page, content_type=b"text/html; charset=utf-8")


def open_api(settings: Settings) -> OpenAPIConfig:
    """What Litestar needs to describe every route."""
    return OpenAPIConfig(
        title=settings.name,
        version=__version__,
        description="A server for talking to AI models. Send `Authorization: Bearer <token>`.",
        openapi_controller=Description,  # type: ignore[arg-type]
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer")}
        ),
        security=[{"bearer": []}],
    )
