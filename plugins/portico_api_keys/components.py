"""The objects of this plugin, built once per application."""

from dataclasses import dataclass

from portico.api import AppContext, TTLCache
from portico_api_keys.authenticator import ApiKeyAuthenticator, KeyCache
from portico_api_keys.service import KeyService
from portico_api_keys.usage import ApiKeyUsage


@dataclass(frozen=True, slots=True)
class ApiKeysPlugin:
    """`cache`: keys that were authenticated lately. `usage`: when keys were last used."""

    service: KeyService
    authenticator: ApiKeyAuthenticator
    cache: KeyCache
    usage: ApiKeyUsage


def build(app: AppContext) -> ApiKeysPlugin:
    """Build the objects of one application. Opens nothing."""
    cache: KeyCache = TTLCache(app.identity.settings.session_cache_seconds)
    usage = ApiKeyUsage()
    return ApiKeysPlugin(
        service=KeyService(app, usage),
        authenticator=ApiKeyAuthenticator(app, cache, usage),
        cache=cache,
        usage=usage,
    )
