"""Settings of outgoing requests."""

from typing import Annotated

from portico.settings.section import Section, setting


class HTTPClientSettings(Section):
    """Outgoing requests. The proxies and certificates are for addresses that the operator or an administrator chose, such as
    those of model sources and auth providers; addresses that users or other servers choose are fetched without a proxy.
    """

    allowed_hosts: Annotated[
        list[str],
        setting(
            "Private hosts and networks that requests to URLs of users may reach; none = only public Internet addresses",
            formerly="fetch.allow",
        ),
    ] = []
    http_proxy: Annotated[
        str,
        setting(
            "Proxy for http:// addresses of the operator, such as http://proxy.example:3128",
            env=("http_proxy", "HTTP_PROXY"),
            form="proxy",
        ),
    ] = ""
    https_proxy: Annotated[
        str,
        setting(
            "Proxy for https:// addresses of the operator, such as http://proxy.example:3128",
            env=("https_proxy", "HTTPS_PROXY"),
            form="proxy",
        ),
    ] = ""
    no_proxy: Annotated[
        list[str],
        setting(
            "Hosts, domains and networks that are reached without a proxy; * = all",
            env=("no_proxy", "NO_PROXY"),
        ),
    ] = []
    ca_file: Annotated[
        str,
        setting(
            "File with the certificates (PEM) of a private certificate authority, trusted besides those of the system",
            env="SSL_CERT_FILE",
        ),
    ] = ""
    ca_dir: Annotated[
        str,
        setting(
            "Directory with certificates of private certificate authorities, named as OpenSSL names them",
            env="SSL_CERT_DIR",
        ),
    ] = ""
