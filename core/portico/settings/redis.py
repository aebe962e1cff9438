"""The Redis that several instances share, where there is one."""

from typing import Annotated, Literal

from portico.settings.section import Section, setting


class RedisSettings(Section):
    """A Redis (or Valkey) that instances share. Optional: without one, or while it is away, each counts by itself.

    Options in the query of the URL, such as `ssl_cert_reqs`, go before the fields about TLS, which need `rediss://`.
    """

    url: Annotated[
        str,
        setting(
            "redis://user:password@host:6379/0, rediss:// for TLS, unix:///path; empty = none. With "
            "sentinels, the host is the name of the service",
            env="REDIS_URL",
        ),
    ] = ""
    key_prefix: Annotated[
        str,
        setting("What the names of all keys begin with", env="REDIS_KEY_PREFIX", min_length=1),
    ] = "open-webui"
    cluster: Annotated[bool, setting("It is a cluster", env="REDIS_CLUSTER")] = False
    sentinel_hosts: Annotated[
        list[str],
        setting("Sentinels that know the server, host or host:port", env="REDIS_SENTINEL_HOSTS"),
    ] = []
    sentinel_port: Annotated[
        int, setting("Port of the sentinels", env="REDIS_SENTINEL_PORT", ge=1, le=65535)
    ] = 26379
    sentinel_max_retry_count: Annotated[
        int,
        setting(
            "How often a question is asked again during a fail-over",
            env="REDIS_SENTINEL_MAX_RETRY_COUNT",
            ge=0,
            le=10,
        ),
    ] = 2
    timeout: Annotated[
        float,
        setting("Seconds a request waits for Redis before it goes on without", gt=0, le=5),
    ] = 0.25
    required: Annotated[
        bool,
        setting("Without Redis do not start, and do not be ready; else that is only told"),
    ] = False
    ca_file: Annotated[
        str, setting("Certificates of whoever may vouch for the server; empty = the system's")
    ] = ""
    cert_file: Annotated[str, setting("Certificate that we show the server")] = ""
    key_file: Annotated[str, setting("Private key of that certificate")] = ""
    verify: Annotated[
        Literal["full", "ca", "none"],
        setting("What must be right about the server's certificate: full = its name too"),
    ] = "full"
