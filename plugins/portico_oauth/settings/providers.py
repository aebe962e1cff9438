"""Settings of each provider: client id, secret, endpoints. The variables are those of the reference.

A provider is available when its client id and secret are set. The URLs of providers with one public site can be changed
for an Enterprise server or for a test.
"""

from typing import Annotated, Literal

from portico.api import Secret, Section, setting


class ProviderSettings(Section):
    """The providers at which this instance is registered as a client."""

    google_client_id: Annotated[
        str, setting("Client id at Google", env="GOOGLE_CLIENT_ID", form="line", part="google")
    ] = ""
    google_client_secret: Annotated[
        Secret,
        setting("Client secret at Google", env="GOOGLE_CLIENT_SECRET", form="line", part="google"),
    ] = Secret()
    google_scope: Annotated[
        str,
        setting("Scopes that are requested from Google", env="GOOGLE_OAUTH_SCOPE", part="google"),
    ] = "openid email profile"
    google_redirect_uri: Annotated[
        str,
        setting(
            "Redirect URI that is registered at Google; empty = the URL of this server",
            form="url",
            env="GOOGLE_REDIRECT_URI",
            part="google",
        ),
    ] = ""
    google_discovery_url: Annotated[
        str, setting("URL of Google's discovery document", form="url", part="google")
    ] = "https://accounts.google.com/.well-known/openid-configuration"

    microsoft_client_id: Annotated[
        str,
        setting(
            "Client id at Microsoft Entra", env="MICROSOFT_CLIENT_ID", form="line", part="microsoft"
        ),
    ] = ""
    microsoft_client_secret: Annotated[
        Secret,
        setting(
            "Client secret at Microsoft Entra",
            env="MICROSOFT_CLIENT_SECRET",
            form="line",
            part="microsoft",
        ),
    ] = Secret()
    microsoft_tenant_id: Annotated[
        str,
        setting(
            "Id of the tenant, or common, organizations or consumers for many tenants",
            env="MICROSOFT_CLIENT_TENANT_ID",
            part="microsoft",
        ),
    ] = ""
    microsoft_login_base_url: Annotated[
        str,
        setting(
            "URL of Microsoft's sign-in",
            form="url",
            env="MICROSOFT_CLIENT_LOGIN_BASE_URL",
            part="microsoft",
        ),
    ] = "https://login.microsoftonline.com"
    microsoft_picture_url: Annotated[
        str,
        setting(
            "URL of profile pictures; empty = fetch no pictures",
            form="url",
            empty=True,
            env="MICROSOFT_CLIENT_PICTURE_URL",
            part="microsoft",
        ),
    ] = "https://graph.microsoft.com/v1.0/me/photo/$value"
    microsoft_scope: Annotated[
        str,
        setting(
            "Scopes that are requested from Microsoft",
            env="MICROSOFT_OAUTH_SCOPE",
            part="microsoft",
        ),
    ] = "openid email profile"
    microsoft_redirect_uri: Annotated[
        str,
        setting(
            "Redirect URI that is registered at Microsoft; empty = the URL of this server",
            form="url",
            env="MICROSOFT_REDIRECT_URI",
            part="microsoft",
        ),
    ] = ""

    github_client_id: Annotated[
        str, setting("Client id at GitHub", env="GITHUB_CLIENT_ID", form="line", part="github")
    ] = ""
    github_client_secret: Annotated[
        Secret,
        setting("Client secret at GitHub", env="GITHUB_CLIENT_SECRET", form="line", part="github"),
    ] = Secret()
    github_scope: Annotated[
        str,
        setting("Scopes that are requested from GitHub", env="GITHUB_CLIENT_SCOPE", part="github"),
    ] = "user:email"
    github_redirect_uri: Annotated[
        str,
        setting(
            "Redirect URI that is registered at GitHub; empty = the URL of this server",
            form="url",
            env="GITHUB_CLIENT_REDIRECT_URI",
            part="github",
        ),
    ] = ""
    github_url: Annotated[
        str, setting("URL of GitHub or of an Enterprise server", form="url", part="github")
    ] = "https://github.com"
    github_api_url: Annotated[str, setting("URL of GitHub's API", form="url", part="github")] = (
        "https://api.github.com"
    )

    oidc_client_id: Annotated[
        str,
        setting(
            "Client id at your OpenID Connect provider",
            env="OAUTH_CLIENT_ID",
            form="line",
            part="oidc",
        ),
    ] = ""
    oidc_client_secret: Annotated[
        Secret,
        setting(
            "Client secret there; a public client has none and sets OAUTH_CODE_CHALLENGE_METHOD",
            env="OAUTH_CLIENT_SECRET",
            form="line",
            part="oidc",
        ),
    ] = Secret()
    oidc_discovery_url: Annotated[
        str,
        setting(
            "URL of its discovery document, /.well-known/openid-configuration",
            form="url",
            env="OPENID_PROVIDER_URL",
            part="oidc",
        ),
    ] = ""
    oidc_issuer: Annotated[
        str,
        setting(
            "Its issuer, if it is not the start of the URL of its discovery document",
            form="line",
            part="oidc",
        ),
    ] = ""
    oidc_scope: Annotated[
        str, setting("Scopes that are requested from it", env="OAUTH_SCOPES", part="oidc")
    ] = "openid email profile"
    oidc_redirect_uri: Annotated[
        str,
        setting(
            "Redirect URI that is registered there; empty = the URL of this server",
            form="url",
            env="OPENID_REDIRECT_URI",
            part="oidc",
        ),
    ] = ""
    oidc_auth_method: Annotated[
        Literal["", "client_secret_basic", "client_secret_post", "none"],
        setting(
            "How the client secret is sent; empty = as the provider announces",
            env="OAUTH_TOKEN_ENDPOINT_AUTH_METHOD",
            part="oidc",
        ),
    ] = ""
    oidc_code_challenge_method: Annotated[
        Literal["", "S256"],
        setting(
            "PKCE always uses S256; set this to S256 for a client without a secret",
            env="OAUTH_CODE_CHALLENGE_METHOD",
            part="oidc",
        ),
    ] = ""
    oidc_name: Annotated[
        str, setting("Label of its button", env="OAUTH_PROVIDER_NAME", min_length=1, part="oidc")
    ] = "SSO"

    feishu_client_id: Annotated[
        str, setting("App id at Feishu", env="FEISHU_CLIENT_ID", form="line", part="feishu")
    ] = ""
    feishu_client_secret: Annotated[
        Secret,
        setting("App secret at Feishu", env="FEISHU_CLIENT_SECRET", form="line", part="feishu"),
    ] = Secret()
    feishu_scope: Annotated[
        str,
        setting("Scopes that are requested from Feishu", env="FEISHU_OAUTH_SCOPE", part="feishu"),
    ] = "contact:user.base:readonly"
    feishu_redirect_uri: Annotated[
        str,
        setting(
            "Redirect URI that is registered at Feishu; empty = the URL of this server",
            form="url",
            env="FEISHU_REDIRECT_URI",
            part="feishu",
        ),
    ] = ""
    feishu_login_url: Annotated[
        str, setting("URL of Feishu's sign-in", form="url", part="feishu")
    ] = "https://accounts.feishu.cn"
    feishu_api_url: Annotated[str, setting("URL of Feishu's API", form="url", part="feishu")] = (
        "https://open.feishu.cn"
    )
