"""Figures about a running process, for monitoring. Which format shows them is not known here.

The core and plugins declare a `Metric` each; it is read when monitoring asks, and costs nothing until then.
"""

import re
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

#: The values of the labels, in their order.
LabelValues = tuple[str, ...]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}\Z")


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


#: What a metric is read as: one number, a histogram, or a number for each combination of label values.
Reading = float | Histogram | Mapping[LabelValues, float]


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure, or one for each combination of label values.

    `name`: lower case, with its unit, such as `lag_seconds`; those of plugins are shown below the plugin's name. `kind`: a
    counter only grows; a gauge may go either way. `read` may be `async def`; it returns numbers for each of `labels` if
    there are any. `is_shared`: it is the same in every process, such as a number of rows, and is not added up. The values of a label must be few and known beforehand: never a text or an id of users.

    Raises: ValueError for an invalid name.
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


class MetricReading(NamedTuple):
    """A metric of the core (`owner` is empty) or of a plugin, and what it was read as."""

    owner: str
    metric: Metric
    value: Reading
