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
    """Return the providers whose client id and secret are set. Raises: ValueError for a URL that is not valid."""
    configured = [*_google(settings), *_microsoft(settings), *_github(settings)]
    configured += [*_oidc(settings), *_feishu(settings)]
    for registration in configured:
        urls = [registration.discovery_url, registration.redirect_uri, registration.issuer]
        urls += msgspec.structs.astuple(registration.endpoints) if registration.endpoints else ()
        for url in filter(None, urls):
            _check_url(registration.name, url)
    return configured


def _check_url(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable():
        raise ValueError(f"plugins.oauth: {url!r}, set for {name}, is not an http(s) address")


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
