"""The discovery document of a provider. Source: OpenID Connect Discovery 1.0, RFC 8414, RFC 9207.

Members that a sign-in needs must be valid. An optional one that is not is ignored, as are entries of a list that are not
texts; `Metadata.ignored` names it.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from portico_oauth.protocol.claims import is_true
from portico_oauth.protocol.errors import ProviderUnavailable

_URL_PATTERN = r"^https?://[!-~]{1,2000}\Z"
Url = Annotated[str, msgspec.Meta(pattern=_URL_PATTERN)]
HTTPS = "https://"


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """The members that are read. `ignored`: the names of optional ones that are not valid, or not in all parts."""

    issuer: Url
    authorization_endpoint: Url
    token_endpoint: Url
    jwks_uri: Url
    userinfo_endpoint: Url | None = None
    end_session_endpoint: Url | None = None
    id_token_signing_alg_values_supported: list[str] | None = None
    userinfo_signing_alg_values_supported: list[str] | None = None
    token_endpoint_auth_methods_supported: list[str] | None = None
    authorization_response_iss_parameter_supported: bool | None = None
    ignored: tuple[str, ...] = ()

    @property
    def urls(self) -> list[str]:
        """All URLs in the document that requests or browsers are sent to."""
        urls = (
            self.authorization_endpoint,
            self.token_endpoint,
            self.jwks_uri,
            self.userinfo_endpoint,
            self.end_session_endpoint,
        )
        return [url for url in urls if url]


_ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "end_session_endpoint",
)


def read_metadata(document: Mapping[str, Any], url: str) -> Metadata:
    """Return the members of the document at `url`. Raises: ProviderUnavailable, which names the invalid member."""
    values: dict[str, Any] = {}
    ignored = []
    for field in msgspec.structs.fields(Metadata):
        name = field.name
        if name == "ignored" or document.get(name) is None and not field.required:
            continue
        value = document.get(name)
        if isinstance(value, list) and not all(isinstance(entry, str) for entry in value):
            value = [entry for entry in value if isinstance(entry, str)]
            ignored.append(name)
        try:
            values[name] = _member(name, value, field.type, url)
        except ValueError:
            if field.required:
                raise ProviderUnavailable(f"{url} names no valid {name}: {_shown(value)}") from None
            ignored.append(name)
    return Metadata(**values, ignored=tuple(dict.fromkeys(ignored)))


def _member(name: str, value: Any, kind: Any, url: str) -> Any:
    """Return the value of a member. Raises: ValueError."""
    if name.startswith("authorization_response_iss") and not isinstance(value, bool):
        if not is_true(value):
            raise ValueError(name)
        # It only makes a check stricter.
        return True
    converted = msgspec.convert(value, kind)
    if name in _ENDPOINTS and url.startswith(HTTPS) and not converted.startswith(HTTPS):
        raise ValueError("it is not https, as the document is")
    return converted


def _shown(value: Any) -> str:
    return repr(value)[:200] if isinstance(value, str) else type(value).__name__
