"""Network rules of all requests to addresses of the operator: proxies and trusted certificates."""

import os
import ssl
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from portico.errors import OperatorError
from portico.settings.http_client import HTTPClientSettings

DEFAULT_PORTS = {"http": 80, "https": 443}


class NetworkRules:
    """Which proxy leads to an address, and which certificates are trusted.

    Raises: OperatorError if the certificates of the settings cannot be read.
    """

    def __init__(self, settings: HTTPClientSettings) -> None:
        self._proxies = {
            "http": settings.http_proxy,
            "https": settings.https_proxy,
        }
        self._direct = [entry for text in settings.no_proxy for entry in text.split()]
        self._ca_file, self._ca_dir = settings.ca_file, settings.ca_dir
        if self._ca_file or self._ca_dir:
            _ = self.tls_context  # so that the server does not start with a mistake here

    def proxy_for(self, url: str) -> str | None:
        """Return the URL of the proxy that leads to this URL; None = without a proxy."""
        address = urlsplit(url)
        proxy = self._proxies.get(address.scheme)
        if not proxy or not address.hostname:
            return proxy or None
        port = address.port or DEFAULT_PORTS[address.scheme]
        host = address.hostname.rstrip(".").lower()
        return None if any(_matches(entry, host, port) for entry in self._direct) else proxy

    @cached_property
    def tls_context(self) -> ssl.SSLContext:
        """The trusted certificates: those of the system and those of the settings. Reading them takes some 20 ms."""
        context = ssl.create_default_context()
        system = ssl.get_default_verify_paths()
        if not context.get_ca_certs() and not system.capath:
            import certifi  # a system without certificates, such as a minimal image

            context.load_verify_locations(certifi.where())
        for name, path in (("cafile", self._ca_file), ("capath", self._ca_dir)):
            if path:
                _load(context, name, path)
        return context

    @cached_property
    def unverified_tls_context(self) -> ssl.SSLContext:
        """For servers whose certificate the operator does not want to be checked."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


def _load(context: ssl.SSLContext, name: str, path: str) -> None:
    if name == "cafile":
        exists = Path(path).is_file()
    else:  # several directories, as in the variable that OpenSSL reads
        exists = all(Path(each).is_dir() for each in path.split(os.pathsep))
    setting = "http_client.ca_file" if name == "cafile" else "http_client.ca_dir"
    try:
        if exists:
            context.load_verify_locations(**{name: path})
            return
        reason = "there is no such file" if name == "cafile" else "there is no such directory"
    except (OSError, ssl.SSLError):
        reason = "no certificates in PEM can be read from it"
    raise OperatorError(f"{setting} = {path!r}: {reason}. Correct or remove the setting.")


def _matches(entry: str, host: str, port: int) -> bool:
    """Return whether an entry of `no_proxy` covers a host: `*`, a domain with all below it, an address, a network; each with a port or without."""
    entry = entry.lower()
    if entry == "*":
        return True
    network = _network(entry.strip("[]"))
    if network is not None:
        return _is_within(host, network)
    name, _, number = entry.rpartition(":")
    if name and number.isdigit():
        if int(number) != port:
            return False
        entry = name
        network = _network(entry.strip("[]"))
        if network is not None:
            return _is_within(host, network)
    domain = entry.lstrip("*").strip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _is_within(host: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.version == network.version and address in network
