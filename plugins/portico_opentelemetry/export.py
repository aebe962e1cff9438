"""What the SDK of OpenTelemetry needs to record and send: sampler, resource, exporter. Imports the SDK, which takes a tenth of a second."""

from importlib.metadata import version
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)

from portico_opentelemetry.components import collector_headers, resource_attributes
from portico_opentelemetry.settings import OpenTelemetrySettings

#: Characters of the value of an attribute.
MAX_ATTRIBUTE_CHARS: Final = 256


def tracer_provider(settings: OpenTelemetrySettings, instance_id: str) -> TracerProvider:
    """Return a provider that sends spans in batches. Its own: nothing of the process is registered globally."""
    resource = {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": version("opentelemetry-sdk"),
        "service.version": version("portico"),
        **resource_attributes(settings),
        "service.name": settings.service_name,
        "service.instance.id": instance_id,
    }
    provider = TracerProvider(
        sampler=_sampler(settings),
        resource=Resource(resource),
        shutdown_on_exit=False,
        span_limits=SpanLimits(max_span_attribute_length=MAX_ATTRIBUTE_CHARS),
    )
    exporter = OTLPSpanExporter(
        endpoint=settings.traces_endpoint or f"{settings.endpoint.rstrip('/')}/v1/traces",
        headers=collector_headers(settings),
        certificate_file=settings.certificate or None,
        timeout=settings.timeout / 1000,
    )
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter,
            max_queue_size=settings.max_queue,
            schedule_delay_millis=settings.schedule_delay,
            max_export_batch_size=min(512, settings.max_queue),
        )
    )
    return provider


def _sampler(settings: OpenTelemetrySettings) -> Sampler:
    name = settings.sampler
    plain: Sampler = ALWAYS_OFF if name.endswith("always_off") else ALWAYS_ON
    if name.endswith("traceidratio"):
        plain = TraceIdRatioBased(settings.sampler_ratio)
    return ParentBased(plain) if name.startswith("parentbased") else plain
