"""Measurements of a server under load, and the report about them."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from statistics import median

#: Megabytes a minute below which memory counts as flat: the usual fluctuation of allocators.
FLAT_MB_PER_MINUTE = 0.25


@dataclass(frozen=True, slots=True)
class Sample:
    """Resident memory in megabytes, `seconds` after the load began."""

    seconds: float
    mb: float


def slope(samples: Sequence[Sample]) -> float:
    """Return megabytes a minute over the last two thirds: the median over all pairs, which ignores single peaks."""
    begin = samples[0].seconds + (samples[-1].seconds - samples[0].seconds) / 3
    late = [sample for sample in samples if sample.seconds >= begin]
    rises = [
        (b.mb - a.mb) / (b.seconds - a.seconds) * 60
        for a, b in combinations(late, 2)
        if b.seconds > a.seconds
    ]
    return median(rises) if rises else 0.0


@dataclass
class Report:
    """The result. `orphans`: the output of `portico db check`, or ""; `stalls`: blocks of the event loop."""

    samples: list[Sample]
    done: dict[str, int]
    failed: dict[str, int]
    orphans: str
    stalls: dict[str, dict[str, float]]
    limit: float = FLAT_MB_PER_MINUTE
    notes: list[str] = field(default_factory=list)

    @property
    def slope(self) -> float:
        return slope(self.samples)

    @property
    def is_flat(self) -> bool:
        return self.slope <= self.limit

    def text(self, lines: int = 30) -> str:
        """The report as text."""
        step = max(1, len(self.samples) // lines)
        text_lines = [
            f"{sample.seconds:7.0f} s  {sample.mb:7.1f} MB" for sample in self.samples[::step]
        ]
        text_lines += [
            "",
            "done    " + _counts(self.done),
            "failed  " + (_counts(self.failed) or "none"),
        ]
        text_lines += [f"orphans {self.orphans or 'none'}"]
        stalls = {
            name: f"{found['stalls']:g}, the longest {found['longest_stall']:g} s"
            for name, found in self.stalls.items()
        }
        text_lines += ["stalls  " + ("; ".join(f"{k}: {v}" for k, v in stalls.items()) or "none")]
        text_lines += self.notes
        word = "flat" if self.is_flat else "NOT FLAT"
        text_lines += [
            f"{word}: {self.slope:+.2f} MB a minute over the last two thirds (limit {self.limit:g})"
        ]
        return "\n".join(text_lines)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def worker_of(main: int) -> int:
    """Return the process id of the only worker of a main process."""
    return next(pid for pid, parent, _ in _processes() if parent == main)


def resident_mb(process: int) -> float:
    """Return the resident memory of a process in megabytes."""
    return next(kb for pid, _, kb in _processes() if pid == process) / 1024


def cpu_seconds(process: int) -> float:
    """Return the processor time that a process has used, with all its threads. Linux only."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _processes() -> list[tuple[int, int, int]]:
    ps = ["ps", "-A", "-o", "pid=,ppid=,rss="]
    text_lines = subprocess.run(ps, capture_output=True, text=True, check=True).stdout
    return [
        (int(a), int(b), int(c)) for a, b, c in (line.split() for line in text_lines.splitlines())
    ]


class Watch(threading.Thread):
    """Samples the memory of a process until it is stopped."""

    def __init__(self, process: int, every: float, *, prints: bool = False) -> None:
        super().__init__(daemon=True)
        self.samples: list[Sample] = []
        self._process, self._every, self._prints = process, every, prints
        self._began = time.monotonic()
        self._stopped = threading.Event()

    def run(self) -> None:
        while True:
            sample = Sample(time.monotonic() - self._began, resident_mb(self._process))
            self.samples.append(sample)
            if self._prints:
                sys.stdout.write(f"{sample.seconds:7.0f} s  {sample.mb:7.1f} MB\n")
                sys.stdout.flush()
            if self._stopped.wait(self._every):
                return

    def stop(self) -> None:
        self._stopped.set()
        self.join()
