"""Settings of accounts, sessions and rate limits."""

from typing import Annotated, Literal

from portico.settings.section import Secret, Section, setting


class IdentitySettings(Section):
    """Accounts, sessions and encryption keys."""

    secret_key: Annotated[
        Secret,
        setting(
            "Secret key that signs session tokens; empty = created once, in the data directory",
            env=("WEBUI_SECRET_KEY", "WEBUI_JWT_SECRET_KEY"),
        ),
    ] = Secret()
    encryption_keys: Annotated[
        list[Secret],
        setting(
            "Encryption keys of stored tokens and API keys; the first encrypts, all decrypt; empty = derived from the secret key",
            env=("PORTICO_ENCRYPTION_KEYS", "OAUTH_SESSION_TOKEN_ENCRYPTION_KEY"),
        ),
    ] = []
    previous_secret_keys: Annotated[
        list[Secret],
        setting(
            "Replaced secret keys, so that values encrypted with them can still be decrypted",
            env="PORTICO_PREVIOUS_SECRET_KEYS",
        ),
    ] = []
    session_lifetime: Annotated[
        str,
        setting(
            "Lifetime of a session, such as 1h30m, 1.5d, 4w; -1 or 0 = no end",
            env="JWT_EXPIRES_IN",
            runtime_key="auth.jwt_expiry",
        ),
    ] = "4w"
    session_cache_seconds: Annotated[
        float,
        setting(
            "Seconds for which sessions are cached; changes by this process apply at once",
            formerly="recheck",
            ge=0,
            le=1,
        ),
    ] = 0.5
    revocation_grace_seconds: Annotated[
        float,
        setting(
            "Seconds after which open streams and web sockets are closed if the database cannot confirm their session",
            formerly="blind_grace",
            ge=1,
            le=60,
        ),
    ] = 5.0
    bcrypt_rounds: Annotated[
        int,
        setting(
            "Cost of a password hash: each step doubles it (bcrypt)",
            formerly="password_rounds",
            ge=4,
            le=16,
        ),
    ] = 12
    enable_signup: Annotated[
        bool | None,
        setting(
            "Allow sign-up; unset = for the first account only",
            env="ENABLE_SIGNUP",
            runtime_key="ui.enable_signup",
        ),
    ] = None
    default_role: Annotated[
        Literal["pending", "user", "admin"],
        setting(
            "Role of new accounts after the first",
            env="DEFAULT_USER_ROLE",
            runtime_key="ui.default_user_role",
        ),
    ] = "pending"

    default_group: Annotated[
        str,
        setting(
            "Id of the group that new accounts join; empty = none",
            env="DEFAULT_GROUP_ID",
            runtime_key="ui.default_group_id",
        ),
    ] = ""
    signout_redirect_url: Annotated[
        str,
        setting(
            "URL to which the browser is redirected after sign-out; empty = no redirect",
            env="WEBUI_AUTH_SIGNOUT_REDIRECT_URL",
            form="line",
        ),
    ] = ""

    @property
    def base_cache_seconds(self) -> float:
        """Seconds for which values are cached that others are derived from.

        With two values derived from each other, all of it is renewed within a second.
        """
        return min(self.session_cache_seconds, 0.5)

    @property
    def derived_cache_seconds(self) -> float:
        """Seconds for which a value is cached that is derived from a cached one."""
        return self.base_cache_seconds / 2


class RateLimitSettings(Section):
    """Rate limits of sign-in, sign-up, password changes and API keys, and of requests that copy much data.

    An attempt counts as failed until it has succeeded, so that many attempts at once cannot exceed the limit.
    """

    enabled: Annotated[bool, setting("Enable rate limits", formerly="limits.enabled")] = True
    account_attempts: Annotated[
        int,
        setting(
            "Attempts for one account from one address in the window, successful ones included",
            formerly="limits.tries",
            ge=1,
        ),
    ] = 15
    address_failures: Annotated[
        int,
        setting(
            "Failed attempts from one address in the window, for all accounts together",
            formerly="limits.failures",
            ge=1,
        ),
    ] = 30
    window_seconds: Annotated[
        float,
        setting(
            "Seconds of the window for `account_attempts` and `address_failures`",
            formerly="limits.window",
            ge=1,
            le=86400,
        ),
    ] = 180.0
    account_failures: Annotated[
        int,
        setting(
            "Failed attempts for one account in its window, from all addresses together; beyond that, only addresses "
            "from which the account has signed in before may try",
            formerly="limits.account_failures",
            ge=1,
        ),
    ] = 100
    account_window_seconds: Annotated[
        float,
        setting(
            "Seconds of the window for `account_failures`",
            formerly="limits.account_window",
            ge=1,
            le=86400,
        ),
    ] = 3600.0
    copies: Annotated[
        int,
        setting(
            "Imports, copies and shares of one account in their window, all together",
            formerly="limits.copies",
            ge=1,
        ),
    ] = 60
    copies_window_seconds: Annotated[
        float,
        setting(
            "Seconds of the window for `copies`", formerly="limits.copies_window", ge=1, le=86400
        ),
    ] = 60.0
