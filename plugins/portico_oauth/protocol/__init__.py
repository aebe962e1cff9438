"""The protocols of providers: OpenID Connect, OAuth 2.0 profiles, tokens and keys. Knows no Portico service."""
