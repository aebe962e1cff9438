"""Settings: which users get an account, and how claims are mapped. The variables are those of the reference."""

from typing import Annotated, Literal

import msgspec

from portico.api import setting
from portico_oauth.settings.providers import ProviderSettings

#: The names of the providers. They are parts of URLs and stored with accounts.
ProviderName = Literal["google", "microsoft", "github", "oidc", "feishu"]


class OAuthSettings(ProviderSettings):
    """Sign-in at other providers, by OAuth 2.0 and OpenID Connect."""

    timeout: Annotated[
        float,
        setting("Seconds to wait for a response of a provider", env="OAUTH_TIMEOUT", gt=0, le=120),
    ] = 10.0
    enable_signup: Annotated[
        bool, setting("Create an account for a new user", env="ENABLE_OAUTH_SIGNUP")
    ] = False
    link_by_email: Annotated[
        bool,
        setting(
            "Sign a new user in to the existing account with the same e-mail address, if the provider has verified it",
            env="OAUTH_MERGE_ACCOUNTS_BY_EMAIL",
            formerly="merge_by_email",
        ),
    ] = False
    trust_emails_from: Annotated[
        list[ProviderName],
        setting(
            "Providers whose e-mail addresses count as verified although the provider does not confirm it",
            formerly="trusted_emails",
        ),
    ] = []
    email_fallback: Annotated[
        bool,
        setting(
            "Give a user without an e-mail address <provider>@<subject>.local",
            env="ENABLE_OAUTH_EMAIL_FALLBACK",
        ),
    ] = False
    allowed_domains: Annotated[
        list[str],
        setting(
            "Domains of e-mail addresses that may sign in; * = every domain",
            env="OAUTH_ALLOWED_DOMAINS",
        ),
    ] = msgspec.field(default_factory=lambda: ["*"])
    include_client_id: Annotated[
        bool,
        setting(
            "Send the client id in token requests also in the body",
            env="OAUTH_ACCESS_TOKEN_REQUEST_INCLUDE_CLIENT_ID",
        ),
    ] = False
    id_token_cookie: Annotated[
        bool,
        setting(
            "Store the id token in the browser, in the cookie oauth_id_token",
            env="ENABLE_OAUTH_ID_TOKEN_COOKIE",
        ),
    ] = True

    sub_claim: Annotated[
        str,
        setting("Claim of the subject; empty = the default of the provider", env="OAUTH_SUB_CLAIM"),
    ] = ""
    username_claim: Annotated[
        str, setting("Claim of the name", env="OAUTH_USERNAME_CLAIM", min_length=1)
    ] = "name"
    email_claim: Annotated[
        str, setting("Claim of the e-mail address", env="OAUTH_EMAIL_CLAIM", min_length=1)
    ] = "email"
    picture_claim: Annotated[
        str,
        setting(
            "Claim of the picture; empty = fetch no pictures", empty=True, env="OAUTH_PICTURE_CLAIM"
        ),
    ] = "picture"
    update_picture: Annotated[
        bool,
        setting(
            "Fetch the picture at each sign-in, not only at the first",
            env="OAUTH_UPDATE_PICTURE_ON_LOGIN",
        ),
    ] = False

    role_management: Annotated[
        bool,
        setting(
            "Set the role of a user from the claims at each sign-in",
            env="ENABLE_OAUTH_ROLE_MANAGEMENT",
        ),
    ] = False
    roles_claim: Annotated[
        str,
        setting(
            "Claim of the roles; dots separate the names of nested objects", env="OAUTH_ROLES_CLAIM"
        ),
    ] = "roles"
    roles_separator: Annotated[
        str,
        setting(
            "Separator of the roles if the claim is one text",
            env="OAUTH_ROLES_SEPARATOR",
            min_length=1,
        ),
    ] = ","
    allowed_roles: Annotated[
        list[str], setting("Roles at the provider that become users", env="OAUTH_ALLOWED_ROLES")
    ] = msgspec.field(default_factory=lambda: ["user", "admin"])
    admin_roles: Annotated[
        list[str],
        setting("Roles at the provider that become administrators", env="OAUTH_ADMIN_ROLES"),
    ] = msgspec.field(default_factory=lambda: ["admin"])

    group_management: Annotated[
        bool,
        setting(
            "Set the groups of a user from the claims at each sign-in",
            env="ENABLE_OAUTH_GROUP_MANAGEMENT",
        ),
    ] = False
    group_creation: Annotated[
        bool,
        setting("Create groups that do not exist", env="ENABLE_OAUTH_GROUP_CREATION"),
    ] = False
    groups_claim: Annotated[
        str,
        setting(
            "Claim of the groups; dots separate the names of nested objects",
            env=("OAUTH_GROUPS_CLAIM", "OAUTH_GROUP_CLAIM"),
        ),
    ] = "groups"
    groups_separator: Annotated[
        str,
        setting(
            "Separator of the groups if the claim is one text",
            env="OAUTH_GROUPS_SEPARATOR",
            min_length=1,
        ),
    ] = ";"
    blocked_groups: Annotated[
        list[str],
        setting(
            "Groups that are neither joined nor left, as a JSON array: names, regular expressions, * and ?",
            env="OAUTH_BLOCKED_GROUPS",
        ),
    ] = []

    @property
    def wanted_claims(self) -> list[str]:
        """The claims that a sign-in reads. If the id token lacks one, the userinfo endpoint is called."""
        return [self.username_claim, self.email_claim, *self.required_claims]

    @property
    def required_claims(self) -> list[str]:
        """The claims without which a user cannot be signed in, or would get other rights than the provider means."""
        identifying = [self.sub_claim or "sub"]
        if not self.email_fallback:
            identifying.append(self.email_claim)
        return identifying + self.rights_claims

    @property
    def rights_claims(self) -> list[str]:
        """The claims of roles and groups, as far as the provider manages them."""
        roles = [self.roles_claim] if self.role_management else []
        return [*roles, self.groups_claim] if self.group_management else roles
