"""Formats figures as Prometheus reads them, and adds up those of several processes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from portico.api import Histogram, MetricReading

_PREFIX = "portico"
#: The versions of the formats that monitoring may ask for.
_VERSION = re.compile(r"\bversion=(?:0\.0\.[14]|1\.0\.0) *(?:;|\Z)")
_UNITS = ("seconds", "bytes")
#: The endings of the names of series, by the kinds that only grow.
_SUFFIXES = {
    "counter": ("_total", "_created"),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
}
_PROCESSES = "portico_server_processes"
_START_TIME = "process_start_time_seconds"


class Series(msgspec.Struct, frozen=True, array_like=True):
    """One number. `labels`: pairs of a name and a value."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


class Figure(msgspec.Struct, frozen=True, array_like=True):
    """A figure with all its series. `is_shared`: the same in all processes, so it is not added up."""

    name: str
    description: str
    kind: str
    series: list[Series]
    is_shared: bool = False


_REPORT = msgspec.msgpack.Decoder(list[Figure])


def figures(readings: Sequence[MetricReading]) -> list[Figure]:
    """Return these readings, and the memory, processor time and open files of this process.

    Of two that have a name in common only the first, which is the core's: monitoring would refuse both.
    """
    found = [_figure(family) for family in ProcessCollector(registry=None).collect()]
    taken: set[str] = set()
    for reading in readings:
        figure = _figure(_family(reading), reading.metric.is_shared)
        names = {figure.name + suffix for suffix in ("", *_SUFFIXES.get(figure.kind, ()))}
        if taken.isdisjoint(names):
            taken |= names
            found.append(figure)
    return found


def decoded(report: bytes) -> list[Figure]:
    """Return the figures of a report."""
    return _REPORT.decode(report)


def processes(answered: int, silent: int) -> Figure:
    """Return the figure of how many server processes the other figures are of."""
    series = [
        Series(_PROCESSES, (("state", state),), count)
        for state, count in (("answered", answered), ("silent", silent))
    ]
    description = "Server processes of this machine by whether they have answered; of silent ones, what they last said counts."
    return Figure(_PROCESSES, description, "gauge", series)


def add_up(
    processes: Sequence[Sequence[Figure]], silent: Sequence[Sequence[Figure]] = ()
) -> list[Figure]:
    """Return the figures of several processes as those of one. The first decides about what is the same in all.

    `silent`: the last ones of processes that have ended or do not answer, of which only what they have counted is added.
    """
    counted = [[one for one in figures if one.kind in _SUFFIXES] for figures in silent]
    processes = [*processes, *counted]
    found: dict[str, Figure] = {}
    totals: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for one in (figure for process in processes for figure in process):
        if one.name in found and one.is_shared:
            continue
        found.setdefault(one.name, one)
        total = totals.setdefault(one.name, {})
        for series in one.series:
            key = series.name, series.labels
            if series.name == _START_TIME:
                total[key] = min(total.get(key, series.value), series.value)
            else:
                total[key] = total.get(key, 0.0) + series.value
    return [
        msgspec.structs.replace(
            one, series=[Series(*key, value) for key, value in totals[one.name].items()]
        )
        for one in found.values()
    ]


def exposition(found: Sequence[Figure], accept: str = "") -> tuple[bytes, bytes]:
    """Return the text of figures, and its content type. `accept`: the header, which may ask for OpenMetrics."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(found))
    # The library fails with some versions that do not exist, and claims to send others.
    known = [one for one in accept.split(",") if "version" not in one or _VERSION.search(one)]
    encode, content_type = choose_encoder(",".join(known))
    return encode(registry), content_type.encode()


class _Figures(Collector):
    def __init__(self, found: Sequence[Figure]) -> None:
        self._found = found

    def collect(self) -> Iterable[Family]:
        """Return the figures as the library knows them. Called by the library."""
        for one in self._found:
            unit = one.name.rpartition("_")[2]
            family = Family(one.name, one.description, one.kind, unit if unit in _UNITS else "")
            family.samples = [Sample(s.name, dict(s.labels), s.value) for s in one.series]
            yield family


def _figure(family: Family, is_shared: bool = False) -> Figure:
    series = [Series(s.name, tuple(s.labels.items()), s.value) for s in family.samples]
    return Figure(family.name, family.documentation, family.type, series, is_shared)


def _family(reading: MetricReading) -> Family:
    owner, metric, value = reading
    name = "_".join(part for part in (_PREFIX, owner, metric.name) if part)
    values: Mapping[tuple[str, ...], Any] = value if isinstance(value, Mapping) else {(): value}
    if metric.kind == "histogram":
        family = HistogramMetricFamily(name, metric.description, labels=metric.labels)
        for labels, one in values.items():
            family.add_metric(labels, *_buckets(one))
        return family
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    labelled = kind(name, metric.description, labels=metric.labels)
    for labels, number in values.items():
        labelled.add_metric(labels, number)
    return labelled


def _buckets(value: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Return how many observations are not above each bound, and their sum."""
    bounds = [*(str(bound) for bound in value.bounds), "+Inf"]
    return list(zip(bounds, accumulate(value.counts), strict=True)), value.total
