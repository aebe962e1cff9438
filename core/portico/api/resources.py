"""Resources that accounts own and share: their access fields in bodies, their rows and lists, and their grants.

`ResourceTable` has an example. A kind needs a `ResourceKind` with the actions it names, and a policy file like
`portico_policies/prompts.csv`.

Types:

    AccessControl  Type of a field `access_control` of a response; null = everyone reads.
    AccessGrants   Type of a field `access_grants` of a response.
"""

from portico.resources import (
    AccessControl,
    AccessFields,
    AccessGrants,
    ListedResource,
    Owner,
    RequestedSharing,
    ResourceFilter,
    ResourceTable,
    SharingRights,
    access_fields_of,
    import_actor,
    imported_sharing,
    is_storable,
    read_sharing,
)

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
