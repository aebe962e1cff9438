"""Settings of the optional Redis that several instances share."""

from typing import Annotated, Any, Literal

from portico.settings.section import Section, setting


class RedisSettings(Section):
    """A Redis (or Valkey) that instances share. Optional: without it, or while it is unavailable, each instance counts
    by itself.

    Options in the query of the URL, such as `ssl_cert_reqs`, override the TLS fields, which need `rediss://`.
    """

    url: Annotated[
        str,
        setting(
            "URL: redis://user:password@host:6379/0, rediss:// for TLS, unix:///path; empty = no Redis. With "
            "sentinels, the host is the name of the service",
            env="REDIS_URL",
            form="dsn",
        ),
    ] = ""
    key_prefix: Annotated[
        str,
        setting("Prefix of the names of all keys", env="REDIS_KEY_PREFIX", min_length=1),
    ] = "open-webui"
    cluster: Annotated[bool, setting("The URL names a Redis cluster", env="REDIS_CLUSTER")] = False
    sentinel_hosts: Annotated[
        list[str],
        setting("Addresses of the sentinels: host or host:port", env="REDIS_SENTINEL_HOSTS"),
    ] = []
    sentinel_port: Annotated[
        int, setting("Port of the sentinels", env="REDIS_SENTINEL_PORT", ge=1, le=65535)
    ] = 26379
    sentinel_max_retry_count: Annotated[
        int,
        setting(
            "How often a command is repeated during a fail-over",
            env="REDIS_SENTINEL_MAX_RETRY_COUNT",
            ge=0,
            le=10,
        ),
    ] = 2
    timeout: Annotated[
        float,
        setting(
            "Seconds that a request waits for Redis before it continues without it", gt=0, le=5
        ),
    ] = 0.25
    required: Annotated[
        bool,
        setting(
            "Without Redis the server does not start and is not ready; if false, /ready only reports it"
        ),
    ] = False
    ca_file: Annotated[
        str,
        setting(
            "File with the CA certificates that verify the server; empty = those of the system"
        ),
    ] = ""
    cert_file: Annotated[str, setting("File with the client certificate")] = ""
    key_file: Annotated[str, setting("File with the private key of the client certificate")] = ""
    tls_verify: Annotated[
        Literal["full", "ca", "none"],
        setting(
            "Verification of the server's certificate: full = with its host name, ca = without, none = not verified",
            formerly="verify",
        ),
    ] = "full"
    options: Annotated[
        dict[str, Any], setting("Further options of the client library redis-py, by name")
    ] = {}
