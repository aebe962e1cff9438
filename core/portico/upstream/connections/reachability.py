"""Health of connections."""

from portico.catalogue import Catalogue
from portico.errors import SourceFailed


async def check_reachable(catalogue: Catalogue, plugin: str) -> None:
    """Raises: SourceFailed with all sources of a plugin whose models could not be listed, and why."""
    down = [
        f"{status.name} ({status.state}): {status.reason}"
        for status in catalogue.statuses()
        if status.plugin == plugin and status.reason
    ]
    if down:
        raise SourceFailed("; ".join(down))
