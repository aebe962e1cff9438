"""Figures about a running process, for monitoring. Which format shows them is not known here.

The core and plugins declare a `Metric` each; it is read when monitoring asks, and costs nothing until then.
"""

import re
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

#: The values of the labels, in their order.
LabelValues = tuple[str, ...]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}\Z")
#: Series of one metric. Those beyond are added up in one, whose labels are all `OTHER`: each costs the monitoring memory.
MAX_SERIES: Final = 2000
#: Characters of a label's value. The rest is cut off.
MAX_LABEL_CHARS: Final = 120
OTHER: Final = "other"


@dataclass(slots=True)
class Histogram:
    """Counts observations by size. `bounds`: upper ends of the ranges, ascending; `counts` has one more, for all above.

    `total`: the sum of what was observed.
    """

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def __add__(self, other: "Histogram") -> "Histogram":
        """Return what both have counted, by the same bounds. Raises: ValueError for other bounds."""
        if other.bounds != self.bounds:
            raise ValueError("two histograms of one metric have different bounds")
        counts = [one + more for one, more in zip(self.counts, other.counts, strict=True)]
        return Histogram(self.bounds, counts, self.total + other.total)


#: What a metric is read as: one number or histogram, or one for each `LabelValues`. A mapping of tuples of known length is
#: none of tuples of any length, hence `Any`.
Reading = float | Histogram | Mapping[Any, float] | Mapping[Any, Histogram]


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure, or one for each combination of label values.

    `name`: lower case, with its unit, such as `lag_seconds`; those of plugins are shown below the plugin's name. `kind`: a
    counter only grows; a gauge may go either way. `read` may be `async def`; it returns numbers, or histograms, for each of `labels` if
    there are any. `is_shared`: it is the same in every process, such as a number of rows, and is not added up. The
    values of a label must be few and known beforehand: never a text or an id of users.

    Raises: ValueError for an invalid name, and for labels of which two are the same.
    """

    name: str
    description: str
    kind: Literal["counter", "gauge", "histogram"]
    read: Callable[[], Reading | Awaitable[Reading]]
    labels: tuple[str, ...] = ()
    is_shared: bool = False

    def __post_init__(self) -> None:
        if not all(_NAME.match(name) for name in (self.name, *self.labels)):
            raise ValueError(f"a metric has lower-case names with underscores: {self.name!r}")
        # `le` is the label of a histogram's bounds.
        if len({*self.labels, "le"}) <= len(self.labels):
            raise ValueError(f"two labels of the metric {self.name!r} are the same, or one is 'le'")


class MetricReading(NamedTuple):
    """A metric of the core (`owner` is empty) or of a plugin, and what it was read as."""

    owner: str
    metric: Metric
    value: Reading


def bounded(value: Reading, metric: Metric) -> Reading:
    """Return what a metric was read as, fit to be shown: printable labels, neither too long nor too many.

    What has the same labels then is added up. Raises: TypeError or ValueError for what is not of the metric's kind or labels.
    """
    labels, is_histogram = len(metric.labels), metric.kind == "histogram"
    if not isinstance(value, Mapping):
        if labels:
            raise ValueError("it has labels, and was read as one number")
        return _checked(value, is_histogram)
    found: dict[LabelValues, Any] = {}
    for given, number in value.items():
        if isinstance(given, str) or len(given) != labels:
            raise ValueError(f"it has {labels} labels, and was read with {given!r:.80}")
        key = tuple(map(_label, given))
        if key not in found and len(found) >= MAX_SERIES:
            key = (OTHER,) * labels
        checked = _checked(number, is_histogram)
        found[key] = found[key] + checked if key in found else checked
    return found


def _checked(value: Any, is_histogram: bool) -> float | Histogram:
    if not is_histogram:
        return float(value)
    if not isinstance(value, Histogram):
        raise TypeError(f"it is a histogram, and was read as {type(value).__name__}")
    return value


def _label(value: object) -> str:
    text = str(value)[:MAX_LABEL_CHARS]
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
