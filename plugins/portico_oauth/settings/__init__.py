"""Settings of the plugin: of each provider, and of accounts and claims."""

from portico_oauth.settings.oauth import OAuthSettings, ProviderName

__all__ = ["OAuthSettings", "ProviderName"]
