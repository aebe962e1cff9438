"""Creates the Redis client from the settings: one server, one behind Sentinel, or a cluster; plain or over TLS.

Creating a client opens no connection. The library is imported only here, so that servers without Redis do not spend
time on it.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis as Client
from redis.asyncio import RedisCluster
from redis.asyncio.connection import ConnectionPool, SSLConnection, parse_url
from redis.asyncio.sentinel import Sentinel
from redis.exceptions import RedisError, ResponseError

from portico.settings.problems import BadSettings, Problem
from portico.settings.redis import RedisSettings

#: Seconds after which the library closes a connection that does not answer, as a last resort.
MAX_RETRY_SECONDS = 2.0
#: Name of the service that sentinels watch, if the URL names none.
DEFAULT_SERVICE = "mymaster"

#: Errors after which Redis counts as unavailable, and those by which a reachable Redis refuses one command.
CONNECTION_ERRORS = (RedisError, OSError, TimeoutError)
AUTH_ERRORS = ResponseError

__all__ = ["CONNECTION_ERRORS", "AUTH_ERRORS", "Client", "client_of_any_node", "connect"]


#: A client, and the clients of its sentinels, which it does not close.
Clients = tuple[Any, tuple[Any, ...]]


def connect(settings: RedisSettings, key: str = "redis.url", *, decode: bool = True) -> Clients:
    """Return the client for these settings. `key`: the setting with the URL. `decode`: replies are str, not bytes.

    Raises: BadSettings, whose text contains no password.
    """
    _check_files(settings)
    try:
        return _client(settings, decode)
    except BadSettings:
        raise
    except Exception as error:
        # The text of the error may quote the URL.
        raise BadSettings(
            [
                Problem(
                    key,
                    "is not a valid Redis URL, or there is an unknown option; set it (REDIS_URL, WEBSOCKET_REDIS_URL) to one "
                    "such as redis://host:6379/0",
                )
            ]
        ) from error


async def client_of_any_node(cluster: RedisCluster) -> Any:
    """Return a client of one node of a cluster, for subscriptions: each node delivers what is published on any."""
    await cluster.initialize()
    node = cluster.get_random_node()
    pool: Any = ConnectionPool(connection_class=node.connection_class, **node.connection_kwargs)
    return Client.from_pool(pool)


def _client(settings: RedisSettings, decode: bool) -> Clients:
    given: dict[str, Any] = dict(parse_url(settings.url))
    kind = given.pop("connection_class", None)
    tls = _tls(settings) | given if kind is SSLConnection else given
    common = {
        "socket_timeout": MAX_RETRY_SECONDS,
        "socket_connect_timeout": MAX_RETRY_SECONDS,
        "decode_responses": decode,
    }
    options = common | _fix_tls_options(tls) | settings.options
    if settings.cluster:
        return RedisCluster(**options, ssl=kind is SSLConnection), ()
    if settings.sentinel_hosts:
        options.pop("port", None)
        service = options.pop("host", None) or DEFAULT_SERVICE
        hosts = [
            (host, port or settings.sentinel_port) for host, port in _hosts(settings.sentinel_hosts)
        ]
        if kind is SSLConnection:
            options["ssl"] = True
        # Sentinels that require a password get that of the server.
        watch = {
            name: value for name, value in options.items() if name not in ("db", "decode_responses")
        }
        untyped: Any = Sentinel
        watching = untyped(hosts, sentinel_kwargs=watch, **options)
        return watching.master_for(service), tuple(watching.sentinels)
    pool: Any = ConnectionPool(**({"connection_class": kind} if kind else {}), **options)
    pool.make_connection()  # an unknown option is reported now, not at the first command
    return Client.from_pool(pool), ()


def _tls(settings: RedisSettings) -> dict[str, Any]:
    """Return the TLS options of the settings. Options in the URL override them."""
    return {
        "ssl_cert_reqs": "none" if settings.tls_verify == "none" else "required",
        "ssl_check_hostname": settings.tls_verify == "full",
        "ssl_ca_certs": settings.ca_file or None,
        "ssl_certfile": settings.cert_file or None,
        "ssl_keyfile": settings.key_file or None,
    }


def _fix_tls_options(options: dict[str, Any]) -> dict[str, Any]:
    """Switch off the check of the host name if certificates are not verified; the library refuses the combination."""
    if options.get("ssl_cert_reqs") in ("none", "CERT_NONE"):
        return options | {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
    return options


def _hosts(hosts: list[str]) -> list[tuple[str, int | None]]:
    parts = [urlsplit(f"//{host.strip()}") for host in hosts if host.strip()]
    return [(part.hostname or "", part.port) for part in parts]


def _check_files(settings: RedisSettings) -> None:
    problems = [
        Problem(f"redis.{name}", "there is no such file", value=path)
        for name in ("ca_file", "cert_file", "key_file")
        if (path := getattr(settings, name)) and not Path(path).is_file()
    ]
    if problems:
        raise BadSettings(problems)
