"""The providers at which this house is registered as a client, as the operator's settings say."""

import re
from collections.abc import Iterator
from typing import Literal
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from portico.api import Secret
from portico_oauth.settings import OAuthSettings

WELL_KNOWN = "/.well-known/"
_TENANT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CONFIGURATION = "/.well-known/openid-configuration"


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Where a provider that does not describe itself is spoken to. `emails`: GitHub's list of addresses."""

    authorization: str
    token: str
    userinfo: str
    emails: str = ""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """One provider, and what this house is there.

    `discovery_url`: of a provider that speaks OpenID Connect; all others have `endpoints`. `issuer`: empty = what the
    discovery document's address begins with. `vouches`: its claim `email_verified` is believed. `pictures`: the claim
    that is looked at besides the operator's. `picture_url`: where its pictures are, whatever claims say. `any_tenant`: its
    issuer's name depends on who signs in, or is not known from its address.
    """

    name: str
    label: str
    protocol: Literal["openid", "github", "feishu"] = "openid"
    client_id: str
    client_secret: Secret
    scope: str
    redirect_uri: str
    discovery_url: str = ""
    issuer: str = ""
    endpoints: Endpoints | None = None
    auth_method: str = ""
    subject_claim: str = "sub"
    pictures: str = "picture"
    picture_url: str = ""
    verifies_email: bool = False
    any_tenant: bool = False


def registrations(settings: OAuthSettings) -> list[Registration]:
    """Those whose variables are set. Raises: ValueError for an address that is none."""
    found = [*_google(settings), *_microsoft(settings), *_github(settings)]
    found += [*_oidc(settings), *_feishu(settings)]
    for one in found:
        addresses = [one.discovery_url, one.redirect_uri, one.issuer]
        addresses += msgspec.structs.astuple(one.endpoints) if one.endpoints else ()
        for address in filter(None, addresses):
            _check(one.name, address)
    return found


def _check(name: str, address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or not address.isprintable():
        raise ValueError(f"plugins.oauth: {address!r}, set for {name}, is not an http(s) address")


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
    """Its e-mail claim is whatever an administrator of any tenant wrote there, so it vouches for nothing."""
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
            discovery_url=f"{base}{CONFIGURATION}?{query}",
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
            pictures="avatar_url",
        )


def _oidc(settings: OAuthSettings) -> Iterator[Registration]:
    public = bool(settings.oidc_code_challenge_method)
    known = settings.oidc_client_id and (settings.oidc_client_secret or public)
    if known and settings.oidc_discovery_url:
        address = settings.oidc_discovery_url
        if WELL_KNOWN not in address:
            address = address.rstrip("/") + CONFIGURATION
        yield Registration(
            name="oidc",
            label=settings.oidc_name,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            scope=settings.oidc_scope,
            redirect_uri=settings.oidc_redirect_uri,
            discovery_url=address,
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
            pictures="avatar_url",
        )
