"""What an operator can set. The variables are those of the reference, its old ones too."""

from typing import Annotated

from portico.api import Section, setting


class ApiKeysSettings(Section):
    """Whether there are keys, where they are good, and how many somebody may have."""

    enable_api_keys: Annotated[
        bool,
        setting(
            "Accept API keys of administrators and of whoever has the permission for them",
            env=("ENABLE_API_KEYS", "ENABLE_API_KEY"),
            runtime_key="auth.enable_api_keys",
        ),
    ] = False
    enable_restrictions: Annotated[
        bool,
        setting(
            "Hold every key to the allowed endpoints",
            env=("ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS", "ENABLE_API_KEY_ENDPOINT_RESTRICTIONS"),
            runtime_key="auth.api_key.endpoint_restrictions",
        ),
    ] = False
    allowed_endpoints: Annotated[
        str,
        setting(
            "Paths of routes, separated by commas, that keys may call, with all below them",
            env=("API_KEYS_ALLOWED_ENDPOINTS", "API_KEY_ALLOWED_ENDPOINTS"),
            runtime_key="auth.api_key.allowed_endpoints",
        ),
    ] = ""
    most: Annotated[int, setting("Keys that somebody may have", ge=1, le=10_000)] = 50
    longest_days: Annotated[
        int, setting("Days after which every new key expires; 0 = none has to", ge=0, le=36_500)
    ] = 0
