"""The records of the workspace in the memory of this process, of which only changed ones are loaded again."""

from collections.abc import Sequence

from portico.catalogue.source import WorkspaceModel, WorkspaceModels


class WorkspaceRecords:
    """The records of a workspace; None = there are none."""

    def __init__(self, workspace: WorkspaceModels | None = None) -> None:
        self._workspace = workspace
        #: As of `_revision`; None = not loaded yet.
        self._records: dict[str, WorkspaceModel] | None = None
        self._revision = 0

    @property
    def has_workspace(self) -> bool:
        """Whether there is a workspace."""
        return self._workspace is not None

    async def revision(self) -> int:
        """Return the number of the last change; 0 without a workspace."""
        return await self._workspace.revision() if self._workspace else 0

    async def load(self, revision: int) -> None:
        """Load the records changed since the last revision. Changes newer than `revision` are loaded again next time."""
        if self._workspace is None:
            self._records = {}
        elif (
            self._records is None or (found := await self._workspace.since(self._revision)) is None
        ):
            self._records = {record.id: record for record in await self._workspace.all()}
        else:
            for model_id, record in found.items():
                if record is None:
                    self._records.pop(model_id, None)
                else:
                    self._records[model_id] = record
        self._revision = revision

    def in_order(self) -> Sequence[WorkspaceModel]:
        """Return the loaded records, the oldest first."""
        return sorted((self._records or {}).values(), key=lambda one: (one.created_at, one.id))
