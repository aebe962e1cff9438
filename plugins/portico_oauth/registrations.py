"""Build the client registrations of all configured providers from the settings."""

import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from portico_oauth.protocol.registration import WELL_KNOWN, Endpoints, Registration
from portico_oauth.settings import OAuthSettings

_TENANT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DISCOVERY_PATH = "/.well-known/openid-configuration"


def registrations(settings: OAuthSettings) -> list[Registration]:
    """Return the providers whose client id and secret are set."""
    configured = [*_google(settings), *_microsoft(settings), *_github(settings)]
    return [*configured, *_oidc(settings), *_feishu(settings)]


def url_fault(registration: Registration) -> str:
    """Return which of the URLs of a provider is none, as a sentence; empty if all are valid."""
    urls = [registration.discovery_url, registration.redirect_uri, registration.issuer]
    urls += msgspec.structs.astuple(registration.endpoints) if registration.endpoints else ()
    for url in filter(None, urls):
        if not _is_url(url):
            return f"plugins.oauth: {url!r}, set for {registration.name}, is not an http(s) address"
    return ""


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable()
    except ValueError:  # brackets that are not closed
        return False


def _google(settings: OAuthSettings) -> Iterator[Registration]:
    if settings.google_client_id and settings.google_client_secret:
        yield Registration(
            name="google",
            label="google",
            client_id=settings.google_client_id,
            client_secret=settings.google_client_secret,
            scope=settings.google_scope,
            redirect_uri=settings.google_redirect_uri,
            discovery_url=settings.google_discovery_url,
            verifies_email=True,
            has_bare_issuer=True,
        )


def _microsoft(settings: OAuthSettings) -> Iterator[Registration]:
    """Microsoft's e-mail claim is not verified: an administrator of any tenant may write any address there."""
    tenant = settings.microsoft_tenant_id
    if settings.microsoft_client_id and settings.microsoft_client_secret and tenant:
        base = f"{settings.microsoft_login_base_url.rstrip('/')}/{quote(tenant, safe='')}/v2.0"
        query = urlencode({"appid": settings.microsoft_client_id})
        yield Registration(
            name="microsoft",
            label="microsoft",
            client_id=settings.microsoft_client_id,
            client_secret=settings.microsoft_client_secret,
            scope=settings.microsoft_scope,
            redirect_uri=settings.microsoft_redirect_uri,
            discovery_url=f"{base}{DISCOVERY_PATH}?{query}",
            picture_url=settings.microsoft_picture_url,
            any_tenant=not _TENANT_ID.fullmatch(tenant),
        )


def _github(settings: OAuthSettings) -> Iterator[Registration]:
    if settings.github_client_id and settings.github_client_secret:
        site, api = settings.github_url.rstrip("/"), settings.github_api_url.rstrip("/")
        yield Registration(
            name="github",
            label="github",
            protocol="github",
            client_id=settings.github_client_id,
            client_secret=settings.github_client_secret,
            scope=settings.github_scope,
            redirect_uri=settings.github_redirect_uri,
            endpoints=Endpoints(
                authorization=f"{site}/login/oauth/authorize",
                token=f"{site}/login/oauth/access_token",
                userinfo=f"{api}/user",
                emails=f"{api}/user/emails",
            ),
            auth_method="client_secret_post",
            subject_claim="id",
            picture_claim="avatar_url",
        )


def _oidc(settings: OAuthSettings) -> Iterator[Registration]:
    public = bool(settings.oidc_code_challenge_method)
    configured = settings.oidc_client_id and (settings.oidc_client_secret or public)
    if configured and settings.oidc_discovery_url:
        url = settings.oidc_discovery_url
        if WELL_KNOWN not in url:
            url = url.rstrip("/") + DISCOVERY_PATH
        yield Registration(
            name="oidc",
            label=settings.oidc_name,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            scope=settings.oidc_scope,
            redirect_uri=settings.oidc_redirect_uri,
            discovery_url=url,
            issuer=settings.oidc_issuer,
            auth_method=settings.oidc_auth_method,
            verifies_email=True,
        )


def _feishu(settings: OAuthSettings) -> Iterator[Registration]:
    if settings.feishu_client_id and settings.feishu_client_secret:
        login, api = settings.feishu_login_url.rstrip("/"), settings.feishu_api_url.rstrip("/")
        yield Registration(
            name="feishu",
            label="feishu",
            protocol="feishu",
            client_id=settings.feishu_client_id,
            client_secret=settings.feishu_client_secret,
            scope=settings.feishu_scope,
            redirect_uri=settings.feishu_redirect_uri,
            endpoints=Endpoints(
                authorization=f"{login}/open-apis/authen/v1/authorize",
                token=f"{api}/open-apis/authen/v2/oauth/token",
                userinfo=f"{api}/open-apis/authen/v1/user_info",
            ),
            auth_method="client_secret_post",
            subject_claim="user_id",
            picture_claim="avatar_url",
        )
