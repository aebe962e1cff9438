"""A client registration at one provider: endpoints, client id and what its claims mean."""

from typing import Literal

import msgspec

from portico.api import Secret

WELL_KNOWN = "/.well-known/"


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Endpoints of a provider without a discovery document. `emails`: GitHub's list of e-mail addresses."""

    authorization: str
    token: str
    userinfo: str
    emails: str = ""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """One provider at which this instance is registered as a client.

    `discovery_url`: of a provider with OpenID Connect; all others have `endpoints`. `issuer`: empty = the start of the
    discovery URL. `verifies_email`: its claim `email_verified` is trusted. `picture_claim`: read if the claim that the
    settings name is empty. `picture_url`: fetched instead of any URL in the claims. `any_tenant`: the issuer depends on
    the tenant of the user, or is not known from the discovery URL. `has_bare_issuer`: its id tokens may name the issuer without
    `https://`.
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
    picture_claim: str = "picture"
    picture_url: str = ""
    verifies_email: bool = False
    any_tenant: bool = False
    has_bare_issuer: bool = False
