"""Formats figures as Prometheus reads them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from portico.api import Histogram, MetricReading

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4.encode()
_PREFIX = "portico"


def exposition(readings: Sequence[MetricReading]) -> bytes:
    """Return the text of these figures, and of the memory, processor time and open files of this process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Readings(readings))
    return generate_latest(registry)


class _Readings(Collector):
    def __init__(self, readings: Sequence[MetricReading]) -> None:
        self._readings = readings

    def collect(self) -> Iterable[Family]:
        """Return the figures as the library knows them. Called by the library."""
        return map(_family, self._readings)


def _family(reading: MetricReading) -> Family:
    owner, metric, value = reading
    name = "_".join(part for part in (_PREFIX, owner, metric.name) if part)
    if isinstance(value, Histogram):
        family = HistogramMetricFamily(name, metric.description)
        bounds = [*(f"{bound:g}" for bound in value.bounds), "+Inf"]
        family.add_metric([], list(zip(bounds, accumulate(value.counts), strict=True)), value.total)
        return family
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    labelled = kind(name, metric.description, labels=metric.labels)
    values = value if isinstance(value, Mapping) else {(): value}
    for labels, number in values.items():
        labelled.add_metric(labels, number)
    return labelled
