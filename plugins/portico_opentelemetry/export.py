"""What the SDK of OpenTelemetry needs to record and send: sampler, resource, exporter. Imports the SDK, which takes a tenth of a second."""

import logging
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)

from portico_opentelemetry.components import collector_headers, resource_attributes
from portico_opentelemetry.settings import OpenTelemetrySettings

log = structlog.get_logger("portico.opentelemetry")

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
    # It logs each attempt with the whole address, which may have a password.
    logging.getLogger(OTLPSpanExporter.__module__).setLevel(logging.CRITICAL)
    provider.add_span_processor(
        BatchSpanProcessor(
            ReportedExporter(exporter),
            max_queue_size=settings.max_queue,
            schedule_delay_millis=settings.schedule_delay,
            max_export_batch_size=min(512, settings.max_queue),
        )
    )
    return provider


class ReportedExporter(SpanExporter):
    """Passes spans to another exporter, and logs once when they cannot be sent, and once when they can be again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans. Called in the thread of the SDK."""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            if self._lost:
                log.warning("traces are sent again", lost=self._lost)
            self._lost = 0
        else:
            if not self._lost:
                log.warning("traces cannot be sent; is OTEL_EXPORTER_OTLP_ENDPOINT right?")
            self._lost += len(spans)
        return result

    def shutdown(self) -> None:
        """Stop, and give up what is being sent."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Return whether all has been sent."""
        return self._exporter.force_flush(timeout_millis)


def _sampler(settings: OpenTelemetrySettings) -> Sampler:
    name = settings.sampler
    plain: Sampler = ALWAYS_OFF if name.endswith("always_off") else ALWAYS_ON
    if name.endswith("traceidratio"):
        plain = TraceIdRatioBased(settings.sampler_ratio)
    return ParentBased(plain) if name.startswith("parentbased") else plain
