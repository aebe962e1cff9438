"""The doors: out to a provider and back in. Browsers come here, so answers are redirects."""

from typing import Annotated, Any

from litestar.params import PathParameter, QueryParameter

from portico.api import JSONBytes, Request, get
from portico_oauth.signing_in import CameBack, SentOn, SigningIn

ProviderName = Annotated[str, PathParameter(description="The provider, such as `google` or `oidc`")]
State = Annotated[str | None, QueryParameter(name="state", description="As it was sent out")]
Code = Annotated[str | None, QueryParameter(name="code", description="What proves the sign-in")]
Fault = Annotated[str | None, QueryParameter(name="error", description="Why there is no code")]
Issuer = Annotated[str | None, QueryParameter(name="iss", description="Who sends the browser back")]


def routes(signing_in: SigningIn) -> list[Any]:
    """Handlers that work in this house."""

    @get("/oauth/{provider:str}/login", access="public", status_code=302)
    async def log_in(request: Request, provider: ProviderName) -> JSONBytes:
        """Send a browser to a provider, to sign in there."""
        found = signing_in.provider(provider)
        if found is None:
            return no_such_provider()
        return redirect(302, await signing_in.set_out(found, request.scope))

    @get(
        ["/oauth/{provider:str}/callback", "/oauth/{provider:str}/login/callback"],
        access="public",
        status_code=307,
    )
    async def come_back(
        request: Request,
        provider: ProviderName,
        *,
        begun: State = None,
        code: Code = None,
        fault: Fault = None,
        issuer: Issuer = None,
    ) -> JSONBytes:
        """Sign in whoever comes back from a provider; on to the page, with cookies or with the reason why not."""
        found = signing_in.provider(provider)
        if found is None:
            return no_such_provider()
        said = CameBack(begun, code, fault, issuer)
        return redirect(307, await signing_in.come_back(found, said, request.scope))

    return [log_in, come_back]


def redirect(status: int, sent: SentOn) -> JSONBytes:
    """The answer that sends a browser on. Nobody keeps it: it is good once."""
    headers = [(b"location", sent.address.encode("ascii")), (b"cache-control", b"no-store")]
    headers += [(b"set-cookie", cookie.encode("ascii")) for cookie in sent.cookies]
    return JSONBytes(b"", status=status, headers=headers, content_type=b"text/plain")


def no_such_provider() -> JSONBytes:
    """As a path that nobody serves."""
    return JSONBytes(b'{"detail":"Not Found"}', status=404)
