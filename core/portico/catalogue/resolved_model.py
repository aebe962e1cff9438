"""Where a completion request goes: the source, the source's model id, and the parameters of the workspace."""

from collections.abc import Mapping
from typing import Any

import msgspec

from portico.catalogue.source import ModelSource, WorkspaceModel


class ResolvedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A resolved model that the actor may use.

    `id`, `name`: as clients see them. `model`: the source's id; for a preset, of its base model. `params`: the decoded
    parameters of the record; those of a preset override those of the presets it is based on, but an override of the
    source model at the end is not included. Shared between requests: do not change `params`. `connection_type`: of the
    source's card, `local` or `external`.
    """

    id: str
    name: str
    source: ModelSource
    model: str
    params: Mapping[str, Any] = {}
    connection_type: str = "external"

    @property
    def system(self) -> str | None:
        """The model's system prompt, before variables are replaced; None if it has none."""
        system = self.params.get("system")
        return system if isinstance(system, str) and system else None


def decoded_params(record: WorkspaceModel) -> dict[str, Any]:
    """Return the parameters of a record; empty if they are not an object."""
    params = msgspec.json.decode(record.params)
    return params if isinstance(params, dict) else {}
