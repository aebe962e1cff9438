"""The routes of the plugin. Login and callback answer browsers with redirects, back-channel logout answers a provider."""

from typing import Annotated
from urllib.parse import parse_qs

import msgspec
import structlog
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter

from portico.api import InvalidRequest
from portico.api.auth import client_address
from portico.api.web import Controller, JSONResponse, Request, get, post
from portico_oauth.components import OAuthComponents
from portico_oauth.login.flow import BrowserRedirect, CallbackParams
from portico_oauth.protocol.errors import LoginRejected, ProviderUnavailable

log = structlog.get_logger("portico.oauth")

MAX_FORM_FIELDS = 20
NOT_CACHED = (b"cache-control", b"no-store")

REDIRECT_RESPONSES = {
    status: {status: ResponseSpec(None, description="A redirect; see `Location`.")}
    for status in (302, 307)
}


class LogoutError(msgspec.Struct):
    """The error of a back-channel logout: `detail` as in all responses, the others as in OAuth 2.0."""

    detail: str
    error: str = ""
    error_description: str = ""


LOGOUT_RESPONSES = {
    200: ResponseSpec(None, description="The sessions are ended."),
    400: ResponseSpec(
        LogoutError, generate_examples=False, description="The logout token was not accepted."
    ),
    504: ResponseSpec(
        LogoutError,
        generate_examples=False,
        description="The provider's keys are unavailable; send the token again.",
    ),
    413: ResponseSpec(LogoutError, generate_examples=False, description="The body is too large."),
}

ProviderName = Annotated[
    str, PathParameter(description="Name of the provider, such as `google` or `oidc`.")
]
State = Annotated[
    str | None, QueryParameter(name="state", description="The state of the pending sign-in.")
]
Code = Annotated[str | None, QueryParameter(name="code", description="The authorization code.")]
Error = Annotated[str | None, QueryParameter(name="error", description="Why there is no code.")]
Issuer = Annotated[
    str | None, QueryParameter(name="iss", description="The issuer of the response.")
]


class OAuthRoutes(Controller):
    """`/oauth/{provider}`: login and callback for browsers, back-channel logout for providers."""

    plugin: OAuthComponents

    @get(
        "/oauth/{provider:str}/login",
        access="public",
        status_code=302,
        responses=REDIRECT_RESPONSES[302],
    )
    async def login(self, request: Request, provider: ProviderName) -> JSONResponse:
        """Redirect the browser to a provider, to sign in there."""
        configured = self.plugin.providers.get(provider)
        if configured is None:
            return no_such_provider()
        return redirect_response(302, await self.plugin.login.start(configured, request.scope))

    @get(
        ["/oauth/{provider:str}/callback", "/oauth/{provider:str}/login/callback"],
        access="public",
        status_code=307,
        responses=REDIRECT_RESPONSES[307],
    )
    async def callback(
        self,
        request: Request,
        provider: ProviderName,
        *,
        state_parameter: State = None,
        code: Code = None,
        error: Error = None,
        issuer: Issuer = None,
    ) -> JSONResponse:
        """Complete a sign-in at a provider. Redirects to `/auth`, with session cookies, or with the reason in `error`."""
        configured = self.plugin.providers.get(provider)
        if configured is None:
            return no_such_provider()
        params = CallbackParams(state_parameter, code, error, issuer)
        return redirect_response(
            307, await self.plugin.login.callback(configured, params, request.scope)
        )

    @post(
        "/oauth/{provider:str}/backchannel-logout",
        access="public",
        responses=LOGOUT_RESPONSES,
    )
    async def backchannel_logout(self, request: Request, provider: ProviderName) -> JSONResponse:
        """End the sessions that a provider's logout token names. The body is a form with `logout_token`."""
        configured = self.plugin.providers.get(provider)
        if configured is None or configured.discovery is None:
            return no_such_provider()
        try:
            token = read_logout_token(await request.body())
            await self.plugin.logout.sign_out(configured, token, client_address(request.scope))
        except ProviderUnavailable:
            return logout_error(504, "temporarily_unavailable", "the keys could not be fetched")
        except InvalidRequest as error:
            why = getattr(error, "why", "")
            log.info("logout token rejected", provider=configured.name, why=why)
            return logout_error(400, "invalid_request", "the logout token was not accepted")
        return JSONResponse(b"", headers=[NOT_CACHED], content_type=b"text/plain")


def read_logout_token(body: bytes) -> str:
    """Return the field `logout_token` of a form. Raises: LoginRejected for a body that is not a form or has too many fields."""
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        raise LoginRejected("the body is not a form") from None
    tokens = fields.get("logout_token", [])
    if len(tokens) != 1:
        raise LoginRejected("the form contains no logout token, or more than one")
    return tokens[0]


def logout_error(status: int, error: str, description: str) -> JSONResponse:
    """Return the error response of a back-channel logout."""
    body = LogoutError(f"[ERROR: {description}]", error, description)
    return JSONResponse(msgspec.json.encode(body), status=status, headers=[NOT_CACHED])


def redirect_response(status: int, redirect: BrowserRedirect) -> JSONResponse:
    """Return a redirect that is never cached."""
    headers = [(b"location", redirect.url.encode("ascii")), NOT_CACHED]
    headers += [(b"set-cookie", cookie.encode("ascii")) for cookie in redirect.cookies]
    return JSONResponse(b"", status=status, headers=headers, content_type=b"text/plain")


def no_such_provider() -> JSONResponse:
    """Return the response of a path without a route."""
    return JSONResponse(b'{"detail":"Not Found"}', status=404)
