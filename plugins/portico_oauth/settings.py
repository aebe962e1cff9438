"""What an operator can set: who is let in, and what becomes of what a provider says. The variables are the reference's."""

from typing import Annotated, Literal

import msgspec

from portico.api import setting
from portico_oauth.provider_settings import ProviderSettings

#: The names of the providers, which are parts of addresses and of what is stored.
Name = Literal["google", "microsoft", "github", "oidc", "feishu"]


class OAuthSettings(ProviderSettings):
    """Signing in at other providers, by OAuth 2.0 and OpenID Connect."""

    timeout: Annotated[
        float, setting("Seconds that a provider has to answer", env="OAUTH_TIMEOUT", gt=0, le=120)
    ] = 10.0
    enable_signup: Annotated[
        bool, setting("Newcomers are given an account", env="ENABLE_OAUTH_SIGNUP")
    ] = False
    merge_by_email: Annotated[
        bool,
        setting(
            "Whoever has an account of the same e-mail address is given that, if the provider vouches for it",
            env="OAUTH_MERGE_ACCOUNTS_BY_EMAIL",
        ),
    ] = False
    trusted_emails: Annotated[
        list[Name],
        setting(
            "Providers whose e-mail addresses are believed although they do not say they are verified"
        ),
    ] = []
    email_fallback: Annotated[
        bool,
        setting(
            "Whoever has no e-mail address is given <provider>@<subject>.local",
            env="ENABLE_OAUTH_EMAIL_FALLBACK",
        ),
    ] = False
    allowed_domains: Annotated[
        list[str],
        setting(
            "Domains of e-mail addresses that may come in; * = every one",
            env="OAUTH_ALLOWED_DOMAINS",
        ),
    ] = msgspec.field(default_factory=lambda: ["*"])
    include_client_id: Annotated[
        bool,
        setting(
            "Say the client id in requests for tokens too",
            env="OAUTH_ACCESS_TOKEN_REQUEST_INCLUDE_CLIENT_ID",
        ),
    ] = False
    id_token_cookie: Annotated[
        bool,
        setting(
            "Keep the id token in the browser, as oauth_id_token",
            env="ENABLE_OAUTH_ID_TOKEN_COOKIE",
        ),
    ] = True

    sub_claim: Annotated[
        str, setting("Claim of the subject; empty = the provider's own", env="OAUTH_SUB_CLAIM")
    ] = ""
    username_claim: Annotated[
        str, setting("Claim of the name", env="OAUTH_USERNAME_CLAIM", min_length=1)
    ] = "name"
    email_claim: Annotated[
        str, setting("Claim of the e-mail address", env="OAUTH_EMAIL_CLAIM", min_length=1)
    ] = "email"
    picture_claim: Annotated[
        str,
        setting("Claim of the picture; empty = none are fetched", env="OAUTH_PICTURE_CLAIM"),
    ] = "picture"
    update_picture: Annotated[
        bool,
        setting("Fetch the picture at each sign-in", env="OAUTH_UPDATE_PICTURE_ON_LOGIN"),
    ] = False

    role_management: Annotated[
        bool,
        setting("Roles are what the provider says", env="ENABLE_OAUTH_ROLE_MANAGEMENT"),
    ] = False
    roles_claim: Annotated[
        str, setting("Claim of the roles; dots lead into objects", env="OAUTH_ROLES_CLAIM")
    ] = "roles"
    roles_separator: Annotated[
        str,
        setting("Between roles that are one text", env="OAUTH_ROLES_SEPARATOR", min_length=1),
    ] = ","
    allowed_roles: Annotated[
        list[str], setting("Roles there that are users here", env="OAUTH_ALLOWED_ROLES")
    ] = msgspec.field(default_factory=lambda: ["user", "admin"])
    admin_roles: Annotated[
        list[str], setting("Roles there that are administrators here", env="OAUTH_ADMIN_ROLES")
    ] = msgspec.field(default_factory=lambda: ["admin"])

    group_management: Annotated[
        bool,
        setting("Groups are what the provider says", env="ENABLE_OAUTH_GROUP_MANAGEMENT"),
    ] = False
    group_creation: Annotated[
        bool,
        setting("Groups that are missing are made", env="ENABLE_OAUTH_GROUP_CREATION"),
    ] = False
    groups_claim: Annotated[
        str,
        setting(
            "Claim of the groups; dots lead into objects",
            env=("OAUTH_GROUPS_CLAIM", "OAUTH_GROUP_CLAIM"),
        ),
    ] = "groups"
    groups_separator: Annotated[
        str,
        setting("Between groups that are one text", env="OAUTH_GROUPS_SEPARATOR", min_length=1),
    ] = ";"
    blocked_groups: Annotated[
        list[str],
        setting(
            "Groups that are neither joined nor left, as a JSON array: names, regular expressions, * and ?",
            env="OAUTH_BLOCKED_GROUPS",
        ),
    ] = []
