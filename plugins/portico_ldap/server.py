"""The configured LDAP server: host, port and TLS."""

import ssl
from pathlib import Path
from typing import Literal

import msgspec

from portico.api import InvalidRequest
from portico_ldap.settings import LdapSettings

TLS_FAILED = "Failed to configure TLS for LDAP connection."
#: Attributes with an id that never changes; the first one that an entry has is used.
STABLE_ID_ATTRIBUTES = ("entryUUID", "objectGUID", "nsUniqueId", "ipaUniqueID")

Encryption = Literal["none", "start_tls", "tls"]


class LdapServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The LDAP server and the search for users. `password`: never printed, see `__repr__`."""

    host: str
    port: int
    encryption: Encryption
    settings: LdapSettings
    password: str

    def __repr__(self) -> str:
        return f"LdapServerConfig({self.host!r}, {self.port}, {self.encryption!r})"

    @property
    def stable_id_attributes(self) -> tuple[str, ...]:
        """The attributes that may contain the stable id of a user."""
        one = self.settings.attribute_for_id
        return (one,) if one else STABLE_ID_ATTRIBUTES


def server_of(settings: LdapSettings, password: str) -> LdapServerConfig:
    """Return the server of the settings. Raises: ValueError for an invalid host."""
    host, is_tls = settings.host.strip(), settings.use_tls and not settings.start_tls
    scheme, separator, rest = host.partition("://")
    if separator:
        if scheme.lower() not in ("ldap", "ldaps"):
            raise ValueError("the host must begin with ldap://, with ldaps:// or without a scheme")
        host, is_tls = rest.rstrip("/"), is_tls or scheme.lower() == "ldaps"
    host, port = _host_and_port(host)
    if not host or any(char in host for char in "/@ \x00"):
        raise ValueError("the host must be a name or an address")
    otherwise: Encryption = "start_tls" if settings.use_tls else "none"
    return LdapServerConfig(
        host=host,
        port=settings.port or port or (636 if is_tls else 389),
        encryption="tls" if is_tls else otherwise,
        settings=settings,
        password=password,
    )


def _host_and_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, _, tail = text[1:].partition("]")
        port = tail.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("the port must be a number from 1 to 65535")
    return host, int(port) if port else None


class TLSContexts:
    """TLS contexts. The last one is cached, because building one reads hundreds of certificates."""

    def __init__(self) -> None:
        self._last: tuple[object, ssl.SSLContext] | None = None

    def of(self, settings: LdapSettings) -> ssl.SSLContext:
        """Return the TLS context for the settings. Raises: InvalidRequest if they are not valid."""
        path = settings.ca_cert_file
        try:
            stamp = Path(path).stat().st_mtime_ns if path else 0
            key = (path, stamp, settings.validate_cert, settings.ciphers)
            if self._last is None or self._last[0] != key:
                self._last = key, _context(settings)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise InvalidRequest(TLS_FAILED) from error
        return self._last[1]


def _context(settings: LdapSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_cert_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ciphers.strip().upper() not in ("", "ALL"):
        # Always exclude ciphers without authentication or encryption.
        context.set_ciphers(f"{settings.ciphers}:!aNULL:!eNULL")
    if not settings.validate_cert:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
