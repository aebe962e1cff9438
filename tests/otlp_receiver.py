"""A collector of traces with a port of its own: takes OTLP over HTTP as a real one does, and keeps the spans.

with OTLPReceiver() as collector:
    collector.url                       # for OTEL_EXPORTER_OTLP_ENDPOINT
    collector.wait_for("task x", …)     # the first span of each name, as soon as all have arrived
"""

import gzip
import http.server
import threading
from dataclasses import dataclass
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class ReceivedSpan:
    """One span. `instance`: the `service.instance.id` of the process that sent it. Ids are hexadecimal."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    is_error: bool
    attributes: dict[str, Any]
    instance: str


class OTLPReceiver:
    """See the module. `headers`: of the requests, names in lower case."""

    def __init__(self) -> None:
        self.spans: list[ReceivedSpan] = []
        self.headers: list[dict[str, str]] = []
        self._arrived = threading.Condition()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def wait_for(self, *names: str) -> list[ReceivedSpan]:
        """Return the first span of each name, once all have arrived. The time limit of the test is that of waiting."""
        with self._arrived:
            self._arrived.wait_for(lambda: {one.name for one in self.spans}.issuperset(names))
            return [next(one for one in self.spans if one.name == name) for name in names]

    def _take(self, body: bytes, headers: dict[str, str]) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._arrived:
            self.headers.append(headers)
            for group in request.resource_spans:
                resource = _attributes(group.resource)
                for scope in group.scope_spans:
                    self.spans += [_read(span, resource) for span in scope.spans]
            self._arrived.notify_all()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 5

            def do_POST(self) -> None:  # noqa: N802 - the name that the library calls
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                is_right = self.path == "/v1/traces"
                if is_right:
                    receiver._take(body, {k.lower(): v for k, v in self.headers.items()})
                self.send_response(200 if is_right else 404)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _read(span: Any, resource: dict[str, Any]) -> ReceivedSpan:
    return ReceivedSpan(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.kind,
        span.status.code == 2,
        _attributes(span),
        resource["service.instance.id"],
    )


def _attributes(of: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in of.attributes}
