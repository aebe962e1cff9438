"""The doors: out to a provider and back in, for browsers, so answers are redirects; and the provider's own."""

from typing import Annotated, Any
from urllib.parse import parse_qs

import msgspec
import structlog
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter

from portico.api import InvalidRequest, JSONResponse, Request, client_address, get, post
from portico_oauth.errors import LoginRejected, ProviderUnavailable
from portico_oauth.login.backchannel_logout import BackChannel
from portico_oauth.login.flow import BrowserRedirect, CallbackParams, LoginFlow

log = structlog.get_logger("portico.oauth")

#: Fields of a form that a provider sends.
MOST_FIELDS = 20
NO_STORE = (b"cache-control", b"no-store")

SENT_ON = {
    status: {status: ResponseSpec(None, description="The browser goes there next.")}
    for status in (302, 307)
}


class LogoutError(msgspec.Struct):
    """Why a sign-out is refused, as OAuth has it and as this house has it."""

    detail: str
    error: str = ""
    error_description: str = ""


TOLD = {
    200: ResponseSpec(None, description="Whoever it was about is signed out."),
    400: ResponseSpec(LogoutError, generate_examples=False, description="It was not accepted."),
    504: ResponseSpec(LogoutError, generate_examples=False, description="It may come again."),
    413: ResponseSpec(LogoutError, generate_examples=False, description="It is too large."),
}

ProviderName = Annotated[str, PathParameter(description="The provider, such as `google` or `oidc`")]
State = Annotated[str | None, QueryParameter(name="state", description="As it was sent out")]
Code = Annotated[str | None, QueryParameter(name="code", description="What proves the sign-in")]
Fault = Annotated[str | None, QueryParameter(name="error", description="Why there is no code")]
Issuer = Annotated[str | None, QueryParameter(name="iss", description="Who sends the browser back")]


def routes(signing_in: LoginFlow, back_channel: BackChannel) -> list[Any]:
    """Handlers that work in this house."""

    @get("/oauth/{provider:str}/login", access="public", status_code=302, responses=SENT_ON[302])
    async def log_in(request: Request, provider: ProviderName) -> JSONResponse:
        """Send a browser to a provider, to sign in there."""
        found = signing_in.provider(provider)
        if found is None:
            return no_such_provider()
        return redirect(302, await signing_in.start(found, request.scope))

    @get(
        ["/oauth/{provider:str}/callback", "/oauth/{provider:str}/login/callback"],
        access="public",
        status_code=307,
        responses=SENT_ON[307],
    )
    async def callback(
        request: Request,
        provider: ProviderName,
        *,
        begun: State = None,
        code: Code = None,
        fault: Fault = None,
        issuer: Issuer = None,
    ) -> JSONResponse:
        """Sign in whoever comes back from a provider; on to the page, with cookies or with the reason why not."""
        found = signing_in.provider(provider)
        if found is None:
            return no_such_provider()
        said = CallbackParams(begun, code, fault, issuer)
        return redirect(307, await signing_in.callback(found, said, request.scope))

    @post(
        "/oauth/{provider:str}/backchannel-logout",
        access="public",
        responses=TOLD,
    )
    async def sign_out(request: Request, provider: ProviderName) -> JSONResponse:
        """A provider says that somebody has signed out there: a form with a `logout_token`."""
        found = signing_in.provider(provider)
        if found is None or found.discovery is None:
            return no_such_provider()
        try:
            body = await request.body()
            await back_channel.sign_out(found, logout_token_in(body), client_address(request.scope))
        except ProviderUnavailable:
            return format_check(504, "temporarily_unavailable", "the keys could not be fetched")
        except InvalidRequest as error:
            why = getattr(error, "why", "")
            log.info("sign-out by a provider refused", provider=found.name, why=why)
            return format_check(400, "invalid_request", "the logout token was not accepted")
        return JSONResponse(b"", headers=[NO_STORE], content_type=b"text/plain")

    return [log_in, callback, sign_out]


def logout_token_in(body: bytes) -> str:
    """The token in a form. Raises: Refused for a body that is none, or with more in it than a provider sends."""
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=MOST_FIELDS)
    except ValueError:
        raise LoginRejected("the body is no form") from None
    tokens = fields.get("logout_token", [])
    if len(tokens) != 1:
        raise LoginRejected("there is no logout token, or more than one")
    return tokens[0]


def format_check(status: int, error: str, why: str) -> JSONResponse:
    """A refusal as OAuth has it, and as this house has it."""
    said = LogoutError(f"[ERROR: {why}]", error, why)
    return JSONResponse(msgspec.json.encode(said), status=status, headers=[NO_STORE])


def redirect(status: int, sent: BrowserRedirect) -> JSONResponse:
    """The answer that sends a browser on. Nobody keeps it: it is good once."""
    headers = [(b"location", sent.address.encode("ascii")), NO_STORE]
    headers += [(b"set-cookie", cookie.encode("ascii")) for cookie in sent.cookies]
    return JSONResponse(b"", status=status, headers=headers, content_type=b"text/plain")


def no_such_provider() -> JSONResponse:
    """As a path that nobody serves."""
    return JSONResponse(b'{"detail":"Not Found"}', status=404)
