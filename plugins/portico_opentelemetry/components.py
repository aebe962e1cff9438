"""The objects of this plugin, built once per application: what records spans, and what sends them."""

import asyncio
import base64
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from portico.api import AppContext, OperatorError
from portico_opentelemetry.call_spans import CallSpans
from portico_opentelemetry.settings import OpenTelemetrySettings
from portico_opentelemetry.tracer import SDKTracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_PACKAGES: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
#: Seconds in which the rest is sent when the process ends; a plugin has three.
FLUSH_SECONDS: Final = 2.0
MISSING: Final = "ENABLE_OTEL is set, and the packages of OpenTelemetry are not installed; install portico[opentelemetry]"
NO_GRPC: Final = (
    "OTEL_OTLP_SPAN_EXPORTER is grpc; set it to http, and OTEL_EXPORTER_OTLP_ENDPOINT to the HTTP port of the "
    "collector, which is 4318 by default"
)


class OpenTelemetryPlugin:
    """`tracer` records nothing until `start`. `provider`: of the SDK, while it records."""

    def __init__(self, settings: OpenTelemetrySettings, instance_id: str) -> None:
        self._settings, self._instance_id = settings, instance_id
        self.provider: TracerProvider | None = None
        self.tracer = SDKTracer(continues_traces=settings.continue_traces)
        self.calls = CallSpans(self.tracer)

    def start(self) -> None:
        """Begin to record, and to send in a thread of its own."""
        from portico_opentelemetry.export import tracer_provider

        self.provider = tracer_provider(self._settings, self._instance_id)
        self.tracer.start_recording(self.provider)

    async def stop(self) -> None:
        """Send what has been recorded, and stop."""
        provider, self.provider = self.provider, None
        self.tracer.stop_recording()
        if provider is not None:
            # A collector that does not answer must not hold up the end of the process.
            sending = threading.Thread(target=provider.shutdown, name="otel-flush", daemon=True)
            sending.start()
            await asyncio.to_thread(sending.join, FLUSH_SECONDS)


def build(app: AppContext, settings: OpenTelemetrySettings) -> OpenTelemetryPlugin:
    """Build them. Raises: OperatorError if the packages are missing, or a setting cannot work."""
    if not all(map(_is_installed, _PACKAGES)):
        raise OperatorError(MISSING)
    if settings.exporter == "grpc":
        raise OperatorError(NO_GRPC)
    collector_headers(settings)
    resource_attributes(settings)
    return OpenTelemetryPlugin(settings, app.instance_channel.instance_id)


def collector_headers(settings: OpenTelemetrySettings) -> dict[str, str]:
    """Return the headers of requests to the collector. Raises: OperatorError, which quotes nothing, since it is a secret."""
    found = {}
    for number, pair in enumerate(filter(None, settings.headers.reveal().split(",")), start=1):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise OperatorError(f"item {number} of OTEL_EXPORTER_OTLP_HEADERS is not name=value")
        found[name.strip().lower()] = unquote(value.strip())
    if settings.username:
        pair = f"{settings.username}:{settings.password.reveal()}"
        found["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return found


def resource_attributes(settings: OpenTelemetrySettings) -> dict[str, str]:
    """Return the operator's attributes of this server. Raises: OperatorError."""
    found = {}
    for pair in settings.resource_attributes:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise OperatorError(f"OTEL_RESOURCE_ATTRIBUTES: {pair!r} is not name=value")
        found[name.strip()] = unquote(value.strip())
    return found


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # not even the package around it
        return False
