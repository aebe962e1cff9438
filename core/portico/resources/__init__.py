"""Resources that accounts own and share: what every plugin with such a kind needs besides its own columns.

    class Notes:
        def __init__(self, app: AppContext) -> None:
            self._table = ResourceTable(app.permissions, KIND)

        async def update(self, actor: Actor, note_id: str, form: NoteForm, sharing: RequestedSharing | None) -> Note:
            async with transaction():
                _, resource = await self._table.find_locked(actor, "write", note_id)
                await execute("UPDATE notes_note SET text = $2 WHERE id = $1", note_id, form.text)
                await self._table.share(actor, resource, sharing)

`ResourceTable` finds rows that an actor may use, lists them, shares them, deletes them with their grants, and transfers
them when an account is deleted. `AccessFields` and `read_sharing` read who has access from a body, in both forms that
clients write.
"""

from portico.resources.access_fields import (
    AccessControl,
    AccessFields,
    AccessGrants,
    RequestedSharing,
    access_fields_of,
    imported_sharing,
    read_sharing,
)
from portico.resources.import_actor import import_actor
from portico.resources.resource_table import (
    ListedResource,
    Owner,
    ResourceFilter,
    ResourceTable,
    is_storable,
)
from portico.resources.sharing_rights import SharingRights

__all__ = [
    "AccessControl",
    "AccessFields",
    "AccessGrants",
    "ListedResource",
    "Owner",
    "RequestedSharing",
    "ResourceFilter",
    "ResourceTable",
    "SharingRights",
    "access_fields_of",
    "import_actor",
    "imported_sharing",
    "is_storable",
    "read_sharing",
]
