"""A release: the version and the migration steps that it knows."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from portico import __version__


@dataclass(frozen=True)
class Release:
    """`id`: the version and a digest of all known steps. `newest_steps`: the newest step of each owner of tables."""

    version: str
    id: str
    newest_steps: Mapping[str, str]


def release_of(known: Mapping[str, Sequence[str]]) -> Release:
    """Return the release of this process. `known`: the steps of each owner, in order."""
    steps = sorted((owner, name) for owner, names in known.items() for name in names)
    digest = hashlib.sha256(json.dumps(steps).encode()).hexdigest()[:12]
    newest = {owner: names[-1] for owner, names in known.items() if names}
    return Release(__version__, f"{__version__}+{digest}", newest)
