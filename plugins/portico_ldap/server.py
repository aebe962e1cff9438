"""The directory as it is configured at one moment, and how it is spoken to."""

import ssl
from pathlib import Path
from typing import Literal

import msgspec

from portico.api import InvalidRequest
from portico_ldap.settings import LdapSettings

NO_TLS = "Failed to configure TLS for LDAP connection."
#: Names of attributes by which directories call somebody for ever, the first that is there counts.
STABLE_ID_ATTRIBUTES = ("entryUUID", "objectGUID", "nsUniqueId", "ipaUniqueID")

Encryption = Literal["none", "start", "whole"]


class LdapServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where the directory is and how people are found in it. `password`: never printed, see `__repr__`."""

    host: str
    port: int
    encryption: Encryption
    settings: LdapSettings
    password: str

    def __repr__(self) -> str:
        return f"Server({self.host!r}, {self.port}, {self.encryption!r})"

    @property
    def stable_id_attributes(self) -> tuple[str, ...]:
        """The attributes that may hold what never changes."""
        one = self.settings.attribute_for_id
        return (one,) if one else STABLE_ID_ATTRIBUTES


def server_of(settings: LdapSettings, password: str) -> LdapServerConfig:
    """What the settings mean. Raises: ValueError for a host that is none."""
    host, whole = settings.host.strip(), settings.use_tls and not settings.start_tls
    scheme, separator, rest = host.partition("://")
    if separator:
        if scheme.lower() not in ("ldap", "ldaps"):
            raise ValueError("the host begins with ldap:// or ldaps://, or with neither")
        host, whole = rest.rstrip("/"), whole or scheme.lower() == "ldaps"
    host, port = _host_and_port(host)
    if not host or any(char in host for char in "/@ \x00"):
        raise ValueError("the host is a name or an address")
    encrypted: Encryption = "start" if settings.use_tls else "none"
    return LdapServerConfig(
        host=host,
        port=settings.port or port or (636 if whole else 389),
        encryption="whole" if whole else encrypted,
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
        raise ValueError("the port is a number up to 65535")
    return host, int(port) if port else None


class TLSContexts:
    """TLS contexts; making one reads some hundred certificates, so the last is kept."""

    def __init__(self) -> None:
        self._last: tuple[object, ssl.SSLContext] | None = None

    def of(self, settings: LdapSettings) -> ssl.SSLContext:
        """How to encrypt. Raises: Invalid if that cannot be done as it is configured."""
        path = settings.ca_cert_file
        try:
            stamp = Path(path).stat().st_mtime_ns if path else 0
            key = (path, stamp, settings.validate_cert, settings.ciphers)
            if self._last is None or self._last[0] != key:
                self._last = key, _context(settings)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise InvalidRequest(NO_TLS) from error
        return self._last[1]


def _context(settings: LdapSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_cert_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ciphers.strip().upper() not in ("", "ALL"):
        # Whatever else is wished for: nobody without a certificate, and nothing in the clear.
        context.set_ciphers(f"{settings.ciphers}:!aNULL:!eNULL")
    if not settings.validate_cert:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
