"""With whom an actor may share resources of one kind."""

from dataclasses import dataclass

from portico.errors import Forbidden
from portico.identity import Actor
from portico.permissions import PRIVATE, Permissions, Sharing

#: Collection actions of a kind that can be shared.
SHARE_WITH_USERS = "share_with_users"
SHARE_PUBLICLY = "share_publicly"


@dataclass(frozen=True, slots=True)
class SharingRights:
    """With whom an actor may share: publicly, with users and groups."""

    may_share_publicly: bool
    may_share_with_users: bool
    private: Sharing
    everyone: Sharing

    def allows(self, wanted: Sharing) -> bool:
        """Return whether the actor may share like this."""
        return (self.may_share_publicly or not wanted.is_public) and (
            self.may_share_with_users or not wanted.names_principals
        )

    def check(self, wanted: Sharing) -> None:
        """Raises: Forbidden if the actor may not share like this."""
        if not self.allows(wanted):
            raise Forbidden

    def restricted(self, wanted: Sharing) -> Sharing:
        """Return the sharing, or a private one if the actor may not share like this."""
        return wanted if self.allows(wanted) else self.private

    @property
    def default_sharing(self) -> Sharing:
        """Return the sharing of a new resource without access fields. Source: public, as clients of this API expect."""
        return self.restricted(self.everyone)


async def sharing_rights_of(permissions: Permissions, kind: str, actor: Actor) -> SharingRights:
    """Return the sharing rights of an actor for one kind."""
    return SharingRights(
        may_share_publicly=await permissions.allows_on_collection(actor, kind, SHARE_PUBLICLY),
        may_share_with_users=await permissions.allows_on_collection(actor, kind, SHARE_WITH_USERS),
        private=PRIVATE,
        everyone=permissions.grants.read(None),
    )
