"""What becomes of the rights that an imported object asks for: access is only ever narrowed, and said to be."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from msgspec import UNSET

from portico.api import Forbidden, InvalidRequest, Share, Sharing, describe_missing
from portico_models.sharing_rules import SharingRights
from portico_models.transfer.items import ImportItem

#: Why a sharing is not taken over.
NOT_ALLOWED: Final = "it asks for sharing that the importer may not do"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What is known when rights are taken over. `missing`: shares of users and groups that do not exist here.

    `is_strict`: what cannot be taken over as it is, is refused. `tells_missing`: with a note on those who do not exist.
    """

    missing: Container[Share]
    reach: SharingRights
    is_strict: bool
    tells_missing: bool

    def of(self, item: ImportItem, was: Sharing, may_share: bool) -> tuple[Sharing, list[str]]:
        """Who has access afterwards, and what of what the object says is left out.

        `was`: who had access before; `PRIVATE` for a new record.

        Raises: Forbidden if the importer may write the record and not share it; if strict, Invalid for users and groups
        that do not exist, and Forbidden for a sharing that the importer may not do.
        """
        wanted, notes = item.sharing, list[str]()
        assert wanted is not UNSET
        if item.is_control and was.reads_as(wanted):
            return was, notes
        unknown = {one for one in wanted.shares if one in self.missing and one not in was.shares}
        if unknown:
            if self.is_strict:
                raise InvalidRequest(f"[ERROR: access_control names {describe_missing(unknown)}]")
            if self.tells_missing:
                notes.append(f"access_control: left out {describe_missing(unknown)}")
            wanted = Sharing(tuple(one for one in wanted.shares if one not in unknown))
        if not wanted.same_as(was):
            if not may_share:
                raise Forbidden
            if not self.reach.allows(wanted):
                if self.is_strict:
                    raise Forbidden
                notes.append(f"access_control: {NOT_ALLOWED}; who has access stays as it was")
                wanted = was
        return wanted, notes
