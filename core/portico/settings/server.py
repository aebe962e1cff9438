"""Settings of the HTTP server."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from portico.settings.section import Section, setting


class ServerSettings(Section):
    """The HTTP server: address, proxies, limits and cookies."""

    host: Annotated[str, setting("Address to listen on", env="HOST", min_length=1)] = "127.0.0.1"
    port: Annotated[int, setting("TCP port to listen on", env="PORT", ge=0, le=65535)] = 8080
    unix_socket: Annotated[
        str,
        setting(
            "Path of a Unix socket to listen on instead of host and port; its group may connect",
            env="PORTICO_UNIX_SOCKET",
        ),
    ] = ""
    url: Annotated[
        str,
        setting(
            "Public URL of this server, such as https://chat.example.org; with a path, everything is below it",
            env="WEBUI_URL",
            form="url",
            runtime_key="webui.url",
        ),
    ] = ""
    instance_url: Annotated[
        str,
        setting(
            "URL at which servers on other machines reach this one directly, such as http://10.0.0.5:8080; with it, "
            "Socket.IO by polling needs no sticky sessions",
            env="PORTICO_INSTANCE_URL",
            form="url",
        ),
    ] = ""
    trusted_proxies: Annotated[
        list[str],
        setting(
            "Addresses or networks of trusted proxies, whose X-Forwarded-* or Forwarded headers are used; `unix` = "
            "the peer of server.unix_socket",
            env=("FORWARDED_ALLOW_IPS", "PORTICO_TRUSTED_PROXIES"),
        ),
    ] = []
    force_https: Annotated[
        bool,
        setting(
            "Require HTTPS: redirect GET requests over plain HTTP, and refuse others",
            env="FORCE_HTTPS",
        ),
    ] = False
    workers: Annotated[
        int,
        setting("Server processes that share the port", env="UVICORN_WORKERS", ge=1, le=256),
    ] = 1
    shutdown_timeout: Annotated[
        float,
        setting("Seconds that running requests have to finish at shutdown", formerly="grace", ge=0),
    ] = 15.0
    drain_delay: Annotated[
        float,
        setting(
            "Seconds after SIGTERM in which /ready reports stopping and requests are still served, so that load "
            "balancers have time to notice; Ctrl-C does not wait",
            ge=0,
            le=600,
        ),
    ] = 1.0
    start_limit: Annotated[
        float,
        setting(
            "Seconds after which a start that is not ready fails; migrations do not count",
            ge=1,
        ),
    ] = 120.0
    max_body_bytes: Annotated[
        int, setting("Largest request body in bytes", formerly="max_body", ge=1024)
    ] = 32 * 1024 * 1024
    max_form_bytes: Annotated[
        int,
        setting(
            "Largest JSON body in bytes of routes that do not take chats, messages, completions or imports",
            ge=1024,
        ),
    ] = 4 * 1024 * 1024
    max_total_body_bytes: Annotated[
        int,
        setting(
            "Bytes of all request bodies in memory together; beyond that, requests are answered with 503",
            formerly="max_body_total",
            ge=1024 * 1024,
        ),
    ] = 128 * 1024 * 1024
    max_values: Annotated[
        int,
        setting(
            "Largest number of values in a JSON body, at all levels together; chats and imports may have more",
            ge=1000,
        ),
    ] = 100_000
    max_json_depth: Annotated[
        int, setting("Deepest nesting of a JSON body", formerly="max_depth", ge=8, le=900)
    ] = 128
    header_timeout: Annotated[
        float,
        setting("Seconds that a client may take to send the headers of a request", ge=0.1, le=600),
    ] = 30.0
    body_timeout: Annotated[
        float,
        setting(
            "Seconds between two pieces of a request body, and for the whole of a small one", ge=0.1
        ),
    ] = 30.0
    min_body_bytes_per_second: Annotated[
        int,
        setting(
            "Lowest rate of a large request body in bytes per second", formerly="body_rate", ge=1
        ),
    ] = 8192
    loop_limit: Annotated[
        float,
        setting(
            "Seconds of blocking the event loop after which the handler or plugin is logged and counted; 0 = off",
            ge=0,
            le=600,
        ),
    ] = 0.5
    send_timeout: Annotated[
        float,
        setting(
            "Seconds after which a connection is closed whose client reads nothing", ge=0.1, le=3600
        ),
    ] = 30.0
    compress_responses: Annotated[
        bool,
        setting(
            "Compress JSON of a kilobyte and more, and the files of the web client, for clients that accept it",
            env="ENABLE_COMPRESSION_MIDDLEWARE",
        ),
    ] = True
    serve_docs: Annotated[bool, setting("Serve /docs and /openapi.json", formerly="docs")] = True
    secure_cookies: Annotated[
        bool,
        setting(
            "Send cookies over HTTPS only",
            env=("WEBUI_AUTH_COOKIE_SECURE", "WEBUI_SESSION_COOKIE_SECURE"),
        ),
    ] = False
    cookie_same_site: Annotated[
        Literal["lax", "strict", "none"],
        setting(
            "SameSite attribute of cookies",
            env=("WEBUI_AUTH_COOKIE_SAME_SITE", "WEBUI_SESSION_COOKIE_SAME_SITE"),
        ),
    ] = "lax"

    @property
    def base_path(self) -> str:
        """The path of `url`, such as `/portico`, without a slash at the end; "" = none."""
        return urlsplit(self.url.strip()).path.rstrip("/")


def reachable_host(address: str) -> str:
    """Return the host at which a server that listens on `address` is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
