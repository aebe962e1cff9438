"""Events about groups. Published after the commit, except `GroupDeleting`."""

import msgspec


class GroupChanged(msgspec.Struct, frozen=True):
    """A group was created or deleted, or its members or permissions changed."""

    id: str


class GroupDeleting(msgspec.Struct, frozen=True):
    """A group is about to be deleted. Published inside the deleting transaction."""

    id: str
