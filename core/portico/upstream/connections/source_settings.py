"""Limits of requests to providers: settings of a plugin, which options of a connection override."""

from typing import Annotated

from portico.http_client import RequestLimits
from portico.settings.section import Section, setting
from portico.upstream.connections.source_options import SourceOptions


class SourceSettings(Section):
    """Settings that every plugin with connections has. Those of the plugin follow in a subclass."""

    connect_timeout: Annotated[float, setting("Seconds to connect to a provider", gt=0)] = 10.0
    list_timeout: Annotated[
        float,
        setting(
            "Seconds for a provider to list its models",
            env="AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST",
            gt=0,
        ),
    ] = 10.0
    first_byte_timeout: Annotated[
        float | None,
        setting(
            "Seconds until the first byte of a response; unset = 300, or `timeout` if that is longer",
            gt=0,
        ),
    ] = None
    idle_timeout: Annotated[
        float | None,
        setting(
            "Seconds without a byte after which a response is aborted; unset = 300, or `timeout` if that is longer",
            gt=0,
        ),
    ] = None
    timeout: Annotated[
        float | None,
        setting(
            "Seconds for a whole response; unset = no limit",
            env="AIOHTTP_CLIENT_TIMEOUT",
            gt=0,
        ),
    ] = None
    verify_tls: Annotated[
        bool, setting("Verify the TLS certificates of providers", env="AIOHTTP_CLIENT_SESSION_SSL")
    ] = True


def request_limits(options: SourceOptions, settings: SourceSettings) -> RequestLimits:
    """Return the limits of requests to the models of a connection."""
    return RequestLimits.chosen(
        connect=options.connect_timeout or settings.connect_timeout,
        first_byte=options.first_byte_timeout or settings.first_byte_timeout,
        idle=options.idle_timeout or settings.idle_timeout,
        total=options.timeout or settings.timeout,
    )


def list_limits(options: SourceOptions, settings: SourceSettings) -> RequestLimits:
    """Return the limits of requests for the list of models."""
    limits = request_limits(options, settings)
    return limits._replace(total=options.list_timeout or settings.list_timeout)
