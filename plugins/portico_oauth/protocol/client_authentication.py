"""How the client authenticates at the token endpoint. Source: RFC 6749 §2.3.1, OpenID Connect Core 1.0 §9.

A discovery document announces what the provider can do, not what this client is registered for, and providers disagree on
whether `client_secret_basic` is form-encoded. So a method that the provider refuses is followed by the next one, and the
one that it accepted is used from then on. A request with a refused client does not use up the code or the refresh token.
"""

import base64
from collections.abc import Sequence
from typing import Any, Final, Literal
from urllib.parse import quote_plus, unquote_plus

from portico_oauth.protocol.registration import Registration

#: `plain_basic`: without the form encoding of the standard, as many providers read it.
AuthMethod = Literal["none", "client_secret_basic", "client_secret_post", "plain_basic"]
#: The methods that are used, in this order. A provider that announces none has the first. Source: RFC 8414 §2.
_METHODS: Final[tuple[AuthMethod, ...]] = ("client_secret_basic", "client_secret_post")


class ClientAuthentication:
    """Chooses the methods for one registration, and remembers the one that the provider has accepted."""

    def __init__(self, registration: Registration) -> None:
        self._registration = registration
        self._accepted: AuthMethod | None = None

    def methods(self, announced: Sequence[str] | None) -> list[AuthMethod]:
        """Return the methods to try, the most likely one first. `announced`: by the provider, None if it announces none."""
        if not self._registration.client_secret:
            return ["none"]
        methods = self._possible(announced)
        # `sort` is stable: the others stay in their order.
        methods.sort(key=lambda method: method != self._accepted)
        return methods

    def accepted(self, method: AuthMethod) -> None:
        """Remember that the provider has accepted this method."""
        self._accepted = method

    def _possible(self, announced: Sequence[str] | None) -> list[AuthMethod]:
        chosen = self._registration.auth_method
        usable: list[AuthMethod] = [
            method for method in _METHODS if method in ([chosen] if chosen else announced or ())
        ]
        methods = usable or [_METHODS[0]]
        if "client_secret_basic" in methods and is_encoded(self._registration):
            methods.append("plain_basic")
        return methods


def is_encoded(registration: Registration) -> bool:
    """Whether form encoding matters: a provider that decodes reads another id or secret if they are sent as they are."""
    client_id, secret = registration.client_id, registration.client_secret.reveal()
    text = client_id + secret
    return unquote_plus(text) != text or not text.isascii() or ":" in client_id


def basic_header(registration: Registration, *, encoded: bool) -> str:
    """Return the value of the header `Authorization`. `encoded`: with the form encoding of RFC 6749."""
    pair = [registration.client_id, registration.client_secret.reveal()]
    if encoded:
        pair = [quote_plus(text) for text in pair]
    return f"Basic {base64.b64encode(':'.join(pair).encode()).decode()}"


def authlib_method(registration: Registration, method: AuthMethod) -> Any:
    """Return the method as Authlib takes it: a name, or a function that adds the header."""
    if method in ("none", "client_secret_post"):
        return method
    encoded = method == "client_secret_basic" and is_encoded(registration)
    header = basic_header(registration, encoded=encoded)

    def add_header(client: Any, verb: str, uri: str, headers: Any, body: Any) -> tuple[Any, ...]:
        headers["Authorization"] = header
        return uri, headers, body

    return add_header
