"""Settings of the Socket.IO server, over which clients receive events."""

from typing import Annotated, Any

import msgspec

from portico.settings.redis import RedisSettings
from portico.settings.section import Section, setting


class SocketSettings(Section):
    """The Socket.IO server at `/ws/socket.io`: transports, time limits, and limits of connections and events."""

    websocket: Annotated[
        bool,
        setting(
            "Clients may use web sockets; if false, they use long polling only",
            env="ENABLE_WEBSOCKET_SUPPORT",
        ),
    ] = True
    ping_interval: Annotated[
        float,
        setting(
            "Seconds between two pings to a client",
            env="WEBSOCKET_SERVER_PING_INTERVAL",
            ge=0.1,
            le=3600,
        ),
    ] = 25.0
    ping_timeout: Annotated[
        float,
        setting(
            "Seconds in which a client must answer a ping",
            env="WEBSOCKET_SERVER_PING_TIMEOUT",
            ge=0.1,
            le=3600,
        ),
    ] = 20.0
    log_packets: Annotated[
        bool,
        setting(
            "Log each connection and the names of all events, without their contents",
            env="WEBSOCKET_SERVER_LOGGING",
        ),
    ] = False
    sign_in_timeout: Annotated[
        float,
        setting("Seconds after which a socket that is not signed in is closed", ge=0.1, le=3600),
    ] = 30.0
    max_sockets: Annotated[int, setting("Sockets of this process together", ge=1)] = 20_000
    max_sockets_per_account: Annotated[
        int, setting("Sockets of one account, on all instances", ge=1)
    ] = 100
    max_anonymous_per_address: Annotated[
        int, setting("Sockets that are not signed in, of one client address", ge=1)
    ] = 100
    max_payload_bytes: Annotated[
        int, setting("Largest packet that a client may send, in bytes", ge=1024)
    ] = 1_000_000
    max_events_per_second: Annotated[
        int, setting("Events that one socket may send per second, on average", ge=1)
    ] = 200
    max_queued_events: Annotated[
        int,
        setting(
            "Events that may wait for a socket that reads slowly; beyond that it is closed", ge=16
        ),
    ] = 2000
    max_queued_bytes: Annotated[
        int,
        setting(
            "Bytes of events that may wait for a socket that reads slowly; beyond that it is closed",
            ge=64 * 1024,
        ),
    ] = 16 * 1024 * 1024
    handler_timeout: Annotated[
        float, setting("Seconds that the handler of an event may take", ge=0.1, le=600)
    ] = 10.0
    redis_url: Annotated[
        str,
        setting(
            "URL of a Redis of their own for the messages between instances; empty = the one of redis.url",
            env="WEBSOCKET_REDIS_URL",
            form="dsn",
        ),
    ] = ""
    redis_cluster: Annotated[
        bool, setting("sockets.redis_url names a Redis cluster", env="WEBSOCKET_REDIS_CLUSTER")
    ] = False
    redis_options: Annotated[
        dict[str, Any],
        setting(
            "Further options of the client library redis-py for that Redis, by name",
            env="WEBSOCKET_REDIS_OPTIONS",
        ),
    ] = {}
    sentinel_hosts: Annotated[
        list[str],
        setting(
            "Addresses of the sentinels of that Redis: host or host:port",
            env="WEBSOCKET_SENTINEL_HOSTS",
        ),
    ] = []
    sentinel_port: Annotated[
        int,
        setting("Port of these sentinels", env="WEBSOCKET_SENTINEL_PORT", ge=1, le=65535),
    ] = 26379

    def own_redis(self, shared: RedisSettings) -> RedisSettings | None:
        """Return the settings of the Redis for messages between instances; None if they use the shared one."""
        if not self.redis_url:
            return None
        return msgspec.structs.replace(
            shared,
            url=self.redis_url,
            cluster=self.redis_cluster,
            options=self.redis_options,
            sentinel_hosts=self.sentinel_hosts,
            sentinel_port=self.sentinel_port,
            required=False,
        )
