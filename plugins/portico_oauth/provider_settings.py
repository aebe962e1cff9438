"""Which providers people sign in at. The variables are those of the reference.

A provider is there when its id and secret are set. The addresses of those that are at one place in the world can be
changed, for an Enterprise server or for a test.
"""

from typing import Annotated, Literal

from portico.api import Secret, Section, setting


class ProviderSettings(Section):
    """The providers."""

    google_client_id: Annotated[str, setting("Client id at Google", env="GOOGLE_CLIENT_ID")] = ""
    google_client_secret: Annotated[
        Secret, setting("Client secret at Google", env="GOOGLE_CLIENT_SECRET")
    ] = Secret()
    google_scope: Annotated[str, setting("What Google is asked for", env="GOOGLE_OAUTH_SCOPE")] = (
        "openid email profile"
    )
    google_redirect_uri: Annotated[
        str, setting("Callback at Google; empty = our own address", env="GOOGLE_REDIRECT_URI")
    ] = ""
    google_discovery_url: Annotated[str, setting("Where Google describes itself")] = (
        "https://accounts.google.com/.well-known/openid-configuration"
    )

    microsoft_client_id: Annotated[
        str, setting("Client id at Microsoft Entra", env="MICROSOFT_CLIENT_ID")
    ] = ""
    microsoft_client_secret: Annotated[
        Secret, setting("Client secret at Microsoft Entra", env="MICROSOFT_CLIENT_SECRET")
    ] = Secret()
    microsoft_tenant_id: Annotated[
        str,
        setting(
            "Tenant: its id, or common, organizations, consumers for many",
            env="MICROSOFT_CLIENT_TENANT_ID",
        ),
    ] = ""
    microsoft_login_base_url: Annotated[
        str, setting("Where Microsoft signs people in", env="MICROSOFT_CLIENT_LOGIN_BASE_URL")
    ] = "https://login.microsoftonline.com"
    microsoft_picture_url: Annotated[
        str,
        setting("Where pictures are; empty = none are fetched", env="MICROSOFT_CLIENT_PICTURE_URL"),
    ] = "https://graph.microsoft.com/v1.0/me/photo/$value"
    microsoft_scope: Annotated[
        str, setting("What Microsoft is asked for", env="MICROSOFT_OAUTH_SCOPE")
    ] = "openid email profile"
    microsoft_redirect_uri: Annotated[
        str, setting("Callback at Microsoft; empty = our own address", env="MICROSOFT_REDIRECT_URI")
    ] = ""

    github_client_id: Annotated[str, setting("Client id at GitHub", env="GITHUB_CLIENT_ID")] = ""
    github_client_secret: Annotated[
        Secret, setting("Client secret at GitHub", env="GITHUB_CLIENT_SECRET")
    ] = Secret()
    github_scope: Annotated[str, setting("What GitHub is asked for", env="GITHUB_CLIENT_SCOPE")] = (
        "user:email"
    )
    github_redirect_uri: Annotated[
        str,
        setting("Callback at GitHub; empty = our own address", env="GITHUB_CLIENT_REDIRECT_URI"),
    ] = ""
    github_url: Annotated[str, setting("GitHub, or an Enterprise server")] = "https://github.com"
    github_api_url: Annotated[str, setting("GitHub's API")] = "https://api.github.com"

    oidc_client_id: Annotated[str, setting("Client id at your provider", env="OAUTH_CLIENT_ID")] = (
        ""
    )
    oidc_client_secret: Annotated[
        Secret,
        setting(
            "Client secret there; a public client has none, and says how it does without",
            env="OAUTH_CLIENT_SECRET",
        ),
    ] = Secret()
    oidc_discovery_url: Annotated[
        str,
        setting(
            "Address of its discovery document, /.well-known/openid-configuration",
            env="OPENID_PROVIDER_URL",
        ),
    ] = ""
    oidc_issuer: Annotated[
        str,
        setting("Its issuer, where that is not what the address of the document begins with"),
    ] = ""
    oidc_scope: Annotated[str, setting("What it is asked for", env="OAUTH_SCOPES")] = (
        "openid email profile"
    )
    oidc_redirect_uri: Annotated[
        str, setting("Callback there; empty = our own address", env="OPENID_REDIRECT_URI")
    ] = ""
    oidc_auth_method: Annotated[
        Literal["", "client_secret_basic", "client_secret_post", "none"],
        setting(
            "How the secret is shown; empty = as it announces",
            env="OAUTH_TOKEN_ENDPOINT_AUTH_METHOD",
        ),
    ] = ""
    oidc_code_challenge_method: Annotated[
        Literal["", "S256"],
        setting(
            "S256 in any case; set it to do without a secret", env="OAUTH_CODE_CHALLENGE_METHOD"
        ),
    ] = ""
    oidc_name: Annotated[
        str, setting("What its button is called", env="OAUTH_PROVIDER_NAME", min_length=1)
    ] = "SSO"

    feishu_client_id: Annotated[str, setting("App id at Feishu", env="FEISHU_CLIENT_ID")] = ""
    feishu_client_secret: Annotated[
        Secret, setting("App secret at Feishu", env="FEISHU_CLIENT_SECRET")
    ] = Secret()
    feishu_scope: Annotated[str, setting("What Feishu is asked for", env="FEISHU_OAUTH_SCOPE")] = (
        "contact:user.base:readonly"
    )
    feishu_redirect_uri: Annotated[
        str, setting("Callback at Feishu; empty = our own address", env="FEISHU_REDIRECT_URI")
    ] = ""
    feishu_login_url: Annotated[str, setting("Where Feishu signs people in")] = (
        "https://accounts.feishu.cn"
    )
    feishu_api_url: Annotated[str, setting("Feishu's API")] = "https://open.feishu.cn"
