"""The settings `[plugins.api_keys]`. The variables are those of the reference, with their former names."""

from typing import Annotated

from portico.api import Section, setting


class ApiKeysSettings(Section):
    """Whether API keys are accepted, how they are restricted, and how many a user may have."""

    enable_api_keys: Annotated[
        bool,
        setting(
            "Accept API keys of administrators and of users with the permission features.api_keys",
            env=("ENABLE_API_KEYS", "ENABLE_API_KEY"),
            runtime_key="auth.enable_api_keys",
        ),
    ] = False
    restrict_endpoints: Annotated[
        bool,
        setting(
            "Accept API keys only for the paths in allowed_endpoints",
            env=("ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS", "ENABLE_API_KEY_ENDPOINT_RESTRICTIONS"),
            runtime_key="auth.api_key.endpoint_restrictions",
            formerly="enable_restrictions",
        ),
    ] = False
    allowed_endpoints: Annotated[
        str,
        setting(
            "Paths for which API keys are accepted, with all paths below them, separated by commas",
            env=("API_KEYS_ALLOWED_ENDPOINTS", "API_KEY_ALLOWED_ENDPOINTS"),
            runtime_key="auth.api_key.allowed_endpoints",
        ),
    ] = ""
    max_keys: Annotated[
        int, setting("Largest number of keys per user", ge=1, le=10_000, formerly="most")
    ] = 50
    max_lifetime_days: Annotated[
        int,
        setting(
            "Days after which every new key expires; 0 = keys need not expire",
            ge=0,
            le=36_500,
            formerly="longest_days",
        ),
    ] = 0
