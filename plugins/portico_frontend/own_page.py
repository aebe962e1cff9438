"""The page at `/` of a server without a web client: what runs here, and what to do first."""

import base64
import hashlib
import re
from functools import cached_property
from html import escape
from importlib.metadata import version
from importlib.resources import files
from string import Template

from litestar.types import HTTPScope

from portico.api import AppContext, DomainError, ServerSettings, base_url
from portico.api.auth import Actor
from portico.api.web import NO_STORE, JSONResponse

_NO_ACCOUNT = "There is none yet. The first one becomes the administrator."
_HAS_ACCOUNTS = (
    "The first one has become the administrator, who decides whether others may sign up."
)


class OwnPage:
    """Renders the page. Only a signed-in administrator sees the plugins."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._server = app.runtime_settings.section(ServerSettings)
        text = files("portico_frontend").joinpath("page.html").read_text("utf-8")
        self._template = Template(text)
        #: The page's Content-Security-Policy: its own style, pictures of this server, and nothing else.
        self.content_policy = _policy(text)

    @cached_property
    def _version(self) -> str:
        return version("portico")

    async def respond(self, scope: HTTPScope) -> JSONResponse:
        """Return the page, as this visitor may see it."""
        app = self._app
        try:
            visitor = await app.identity.auth.optional_actor(scope)
            has_accounts = await app.identity.accounts.any_exists()
        except DomainError:  # such as a database that does not answer
            visitor, has_accounts = None, True
        server = app.settings.server
        body = self._template.substitute(
            name=escape(app.settings.name),
            version=self._version,
            base=server.base_path,
            url=escape(base_url((await self._server.current()).url, scope)),
            first_account="done" if has_accounts else "",
            account_state=_HAS_ACCOUNTS if has_accounts else _NO_ACCOUNT,
            documentation=f'<a href="{server.base_path}/docs">The description of the API</a> has all routes.'
            if server.serve_docs
            else "",
            plugins=self._plugins(visitor),
        )
        return JSONResponse(
            body.encode(), headers=(NO_STORE,), content_type=b"text/html; charset=utf-8"
        )

    def _plugins(self, visitor: Actor | None) -> str:
        if visitor is None or not visitor.is_admin:
            return ""
        rows = "".join(
            f"<tr><td>{escape(one['name'])}</td><td>{escape(one['reason'] or one['summary'])}</td>"
            f'<td class="state">{escape(one["state"])}</td></tr>'
            for one in self._app.installed_plugins()
        )
        return f'<h2>Plugins</h2>\n<div class="table"><table>{rows}</table></div>\n'


def _policy(text: str) -> str:
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
