"""Telling whether a process is still there, from its name on this machine. Empty where the system does not say."""

import os
from pathlib import Path

_PROC = Path("/proc")


def process_name() -> str:
    """Machine since its start, process namespace, process id, and the moment at which it began."""
    pid = os.getpid()
    here, began = _here(), _began(pid)
    return f"{here} {pid} {began}" if here and began else ""


def is_gone(name: str) -> bool:
    """Whether that process ended. False for one of another machine or namespace, about which nothing is known."""
    here, _, rest = name.rpartition(" ")[0].rpartition(" ")
    began = name.rpartition(" ")[2]
    return bool(here) and here == _here() and _began(int(rest)) != began


def _here() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _began(pid: int) -> str:
    """In ticks since the machine started; empty for a process that ended."""
    try:
        status = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return ""
    fields = status.rpartition(")")[2].split()  # the name before it may hold anything
    return "" if fields[0] in {"Z", "X"} else fields[19]
