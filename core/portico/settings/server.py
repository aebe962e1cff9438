"""Where and how Portico listens, and what it believes of those who come."""

from typing import Annotated, Literal

from portico.settings.section import Section, setting


class ServerSettings(Section):
    """Where and how Portico listens."""

    host: Annotated[str, setting("Address to listen on", env="HOST", min_length=1)] = "127.0.0.1"
    port: Annotated[int, setting("TCP port to listen on", env="PORT", ge=0, le=65535)] = 8080
    url: Annotated[
        str,
        setting(
            "Where people reach Portico, such as https://chat.example.org",
            env="WEBUI_URL",
            runtime_key="webui.url",
        ),
    ] = ""
    trusted_proxies: Annotated[
        list[str],
        setting(
            "Addresses or networks of the proxies in front, whose X-Forwarded-* or Forwarded headers count",
            env=("FORWARDED_ALLOW_IPS", "PORTICO_TRUSTED_PROXIES"),
        ),
    ] = []
    force_https: Annotated[
        bool,
        setting("Redirect plain HTTP to HTTPS, or refuse it", env="FORCE_HTTPS"),
    ] = False
    workers: Annotated[int, setting("Worker processes", env="UVICORN_WORKERS", ge=1, le=256)] = 1
    grace: Annotated[
        float, setting("Seconds that running requests get to finish on shutdown", ge=0)
    ] = 15.0
    drain_delay: Annotated[
        float,
        setting(
            "Seconds after SIGTERM in which /ready says stopping and requests are still served, so that load "
            "balancers have time to notice; Ctrl-C does not wait",
            ge=0,
            le=600,
        ),
    ] = 1.0
    start_limit: Annotated[
        float,
        setting(
            "Seconds within which a start must be ready, or fails; bringing the schema up to date does not count",
            ge=1,
        ),
    ] = 120.0
    max_body: Annotated[int, setting("Largest request body in bytes", ge=1024)] = 32 * 1024 * 1024
    max_body_total: Annotated[
        int,
        setting(
            "Bytes of all request bodies together that are being read or worked on; beyond that, 503",
            ge=1024 * 1024,
        ),
    ] = 128 * 1024 * 1024
    max_values: Annotated[
        int,
        setting(
            "Values in a JSON body, at all levels together; chats and imports may have more",
            ge=1000,
        ),
    ] = 100_000
    max_depth: Annotated[int, setting("Deepest nesting of a JSON body", ge=8, le=900)] = 128
    header_timeout: Annotated[
        float, setting("Seconds a client may take to send the headers of a request", ge=0.1, le=600)
    ] = 30.0
    body_timeout: Annotated[
        float,
        setting("Seconds between two pieces of a body, and for the whole of a small one", ge=0.1),
    ] = 30.0
    body_rate: Annotated[
        int, setting("Bytes of a body that earn its sender one second more", ge=1)
    ] = 8192
    loop_limit: Annotated[
        float,
        setting(
            "Seconds for which a handler or a plugin may block the event loop before it is named in the log and counted; "
            "0 = never",
            ge=0,
            le=600,
        ),
    ] = 0.5
    send_timeout: Annotated[
        float,
        setting("Seconds for which a client may take nothing of what it is sent", ge=0.1, le=3600),
    ] = 30.0
    docs: Annotated[bool, setting("Serve /docs and /openapi.json")] = True
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
