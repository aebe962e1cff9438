"""Where instances reach each other."""

from typing import NamedTuple
from urllib.parse import urlsplit

from portico.db import fetch_all, fetch_one
from portico.instances.processes import is_gone, machine_of
from portico.instances.registry import STALE_SECONDS, for_dialect
from portico.settings.problems import BadSettings, Problem

_ADDRESS = "SELECT process, socket_path, url FROM portico_instance WHERE id = $1 AND seen_at >= {clock} - $2"
_SERVERS = (
    "SELECT process, url FROM portico_instance WHERE role = 'server' AND seen_at >= {clock} - $1"
)


class InstanceAddress(NamedTuple):
    """`socket_path`: of a Unix socket, on the machine of the instance. `url`: without path. Empty = none."""

    socket_path: str = ""
    url: str = ""


async def find_address(instance_id: str) -> InstanceAddress | None:
    """Return the address of a live instance; None if there is no such instance."""
    row = await fetch_one(for_dialect(_ADDRESS), instance_id, STALE_SECONDS)
    if row is None or is_gone(row["process"]):
        return None
    return InstanceAddress(row["socket_path"], row["url"])


async def lack_urls() -> bool:
    """Return whether servers are alive on several machines, and none has a URL."""
    rows = await fetch_all(for_dialect(_SERVERS), STALE_SECONDS)
    alive = [row for row in rows if not is_gone(row["process"])]
    machines = {machine_of(row["process"]) for row in alive}
    return len(machines) > 1 and not any(row["url"] for row in alive)


def valid_instance_url(text: str) -> str:
    """Return the value of `server.instance_url` without a slash at the end. Raises: BadSettings."""
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if url and (not is_valid or parts.path or parts.query or parts.fragment or "@" in parts.netloc):
        reason = f"{text!r} is not a valid URL; write it like http://10.0.0.5:8080"
        raise BadSettings([Problem("server.instance_url", reason)])
    return url
