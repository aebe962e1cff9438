"""Documents that browsers read about this server: the manifest of an installed web app, and the search engine."""

from xml.sax.saxutils import escape

from litestar.types import HTTPScope

from portico.api import AppContext, ServerSettings, base_url
from portico.api.web import JSONResponse, json_response
from portico_frontend.external_manifest import ExternalManifest

#: The colour behind the client's first picture.
_BACKGROUND = "#343541"
_REVALIDATED = (b"cache-control", b"no-cache")
_SEARCH = """<?xml version="1.0" encoding="UTF-8"?>
<OpenSearchDescription xmlns="http://a9.com/-/spec/opensearch/1.1/">
<ShortName>{name}</ShortName>
<Description>Ask {name}</Description>
<InputEncoding>UTF-8</InputEncoding>
<Image width="16" height="16" type="image/x-icon">{url}/static/favicon.png</Image>
<Url type="text/html" method="get" template="{url}/?q={{searchTerms}}"/>
</OpenSearchDescription>
"""


class Documents:
    """Builds them, with the name of this server. `manifest_url`: of a manifest that is sent in place of our own."""

    def __init__(self, app: AppContext, manifest_url: str = "") -> None:
        self._external = ExternalManifest(app, manifest_url)
        self._name, self._base_path = app.settings.name, app.settings.server.base_path
        self._server = app.runtime_settings.section(ServerSettings)

    async def manifest(self, _: HTTPScope) -> JSONResponse:
        """Return what a browser shows of an installed web app."""
        if (external := await self._external.get()) is not None:
            return JSONResponse(external, headers=[_REVALIDATED])
        base = self._base_path
        icon = {"src": f"{base}/static/logo.png", "type": "image/png", "sizes": "500x500"}
        found = {
            "name": self._name,
            "short_name": self._name,
            "description": f"{self._name} is a server for talking to AI models.",
            "start_url": f"{base}/",
            "display": "standalone",
            "background_color": _BACKGROUND,
            "icons": [icon | {"purpose": "any"}, icon | {"purpose": "maskable"}],
            "share_target": {
                "action": f"{base}/",
                "method": "GET",
                # As the specification has it by default; Chromium warns without it.
                "enctype": "application/x-www-form-urlencoded",
                "params": {"text": "shared"},
            },
        }
        return json_response(found, headers=[_REVALIDATED])

    async def opensearch(self, scope: HTTPScope) -> JSONResponse:
        """Return the description by which a browser searches with this server from its address bar."""
        url = base_url((await self._server.current()).url, scope)
        quoted = escape(url, {'"': "&quot;"})
        text = _SEARCH.format(name=escape(self._name), url=quoted)
        return JSONResponse(
            text.encode(),
            headers=[_REVALIDATED],
            content_type=b"application/opensearchdescription+xml",
        )
