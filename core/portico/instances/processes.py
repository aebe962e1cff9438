"""Names of processes on this machine, to find out whether one has ended. Linux only; empty on other systems."""

import os
from pathlib import Path

_PROC = Path("/proc")


def process_name() -> str:
    """Return the boot id, process namespace, process id and start time of this process."""
    pid = os.getpid()
    machine, started = _machine(), _start_time(pid)
    return f"{machine} {pid} {started}" if machine and started else ""


def machine_of(name: str) -> str:
    """Return the boot id and process namespace in the name of a process; empty if it has none."""
    return name.rpartition(" ")[0].rpartition(" ")[0]


def is_gone(name: str) -> bool:
    """Return whether that process has ended. False for a process of another machine or namespace."""
    machine, _, pid = name.rpartition(" ")[0].rpartition(" ")
    started = name.rpartition(" ")[2]
    return bool(machine) and machine == _machine() and _start_time(int(pid)) != started


def _machine() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    """Return the start time in ticks since boot; empty for a process that has ended."""
    try:
        status = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    fields = status.rpartition(")")[2].split()  # the name before it may contain any character
    return "" if fields[0] in {"Z", "X"} else fields[19]
