"""The settings `[plugins.opentelemetry]`. The variables are those of OpenTelemetry, and of Open WebUI where it has others."""

from typing import Annotated, Literal

from portico.api import Secret, Section, setting

SamplerName = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]


class OpenTelemetrySettings(Section):
    """Whether traces are recorded, how many, and where they are sent."""

    enabled: Annotated[
        bool, setting("Record traces and send them to a collector", env="ENABLE_OTEL")
    ] = False
    traces: Annotated[
        bool,
        setting("Off = record none, although it is enabled", env="ENABLE_OTEL_TRACES"),
    ] = True
    exporter: Annotated[
        Literal["http", "grpc"],
        setting("How traces are sent; only http is supported", env="OTEL_OTLP_SPAN_EXPORTER"),
    ] = "http"
    endpoint: Annotated[
        str,
        setting(
            "Address of the collector; /v1/traces is appended",
            env="OTEL_EXPORTER_OTLP_ENDPOINT",
            form="url",
            max_length=2048,
        ),
    ] = "http://localhost:4318"
    traces_endpoint: Annotated[
        str,
        setting(
            "Address that traces are sent to as it is, in place of endpoint",
            env="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            form="url",
            max_length=2048,
        ),
    ] = ""
    headers: Annotated[
        Secret,
        setting(
            "Headers for the collector: name=value, separated by commas, values percent-encoded",
            env=("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
        ),
    ] = Secret()
    username: Annotated[
        str, setting("User at the collector (Basic)", env="OTEL_BASIC_AUTH_USERNAME")
    ] = ""
    password: Annotated[
        Secret, setting("Password at the collector (Basic)", env="OTEL_BASIC_AUTH_PASSWORD")
    ] = Secret()
    certificate: Annotated[
        str,
        setting(
            "File with certificates of authorities that the collector's is checked by; empty = those of the system",
            env="OTEL_EXPORTER_OTLP_CERTIFICATE",
        ),
    ] = ""
    timeout: Annotated[
        float,
        setting(
            "Milliseconds for one transmission", env="OTEL_EXPORTER_OTLP_TIMEOUT", ge=1, le=600_000
        ),
    ] = 10_000.0
    schedule_delay: Annotated[
        float,
        setting(
            "Milliseconds between two transmissions",
            env="OTEL_BSP_SCHEDULE_DELAY",
            ge=1,
            le=600_000,
        ),
    ] = 5_000.0
    max_queue: Annotated[
        int,
        setting(
            "Spans that may wait to be sent; beyond that they are dropped",
            env="OTEL_BSP_MAX_QUEUE_SIZE",
            ge=1,
            le=1_000_000,
        ),
    ] = 2048
    service_name: Annotated[
        str, setting("Name of this server in traces", env="OTEL_SERVICE_NAME", min_length=1)
    ] = "portico"
    resource_attributes: Annotated[
        list[str],
        setting(
            "Attributes of this server in traces: name=value, such as deployment.environment.name=production",
            env="OTEL_RESOURCE_ATTRIBUTES",
        ),
    ] = []
    sampler: Annotated[
        SamplerName,
        setting(
            "Which traces are recorded; parentbased_… = as the client says that sends a traceparent, else as named",
            env="OTEL_TRACES_SAMPLER",
        ),
    ] = "parentbased_always_on"
    sampler_ratio: Annotated[
        float,
        setting(
            "Part of the traces that samplers with traceidratio record",
            env="OTEL_TRACES_SAMPLER_ARG",
            ge=0,
            le=1,
        ),
    ] = 1.0
    continue_traces: Annotated[
        bool,
        setting("Requests of clients continue the trace that their traceparent header names"),
    ] = True

    @property
    def is_on(self) -> bool:
        """Whether traces are recorded."""
        return self.enabled and self.traces
