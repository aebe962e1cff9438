"""Restricts the sharing that imported objects ask for: access is only ever reduced, and each reduction is noted."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from msgspec import UNSET

from portico.api import Forbidden, InvalidRequest
from portico.api.policy import Share, Sharing, describe_missing
from portico.api.resources import SharingRights
from portico_models.transfer.items import ModelImportItem

#: Reason in notes.
NOT_ALLOWED_MESSAGE: Final = "the importer may not share like this"


@dataclass(frozen=True, slots=True)
class SharingRestriction:
    """Reduces sharing to what may be imported. `missing`: grants to users and groups that do not exist here.

    `is_strict`: raise instead of reducing. `reports_missing`: add a note about missing users and groups.
    """

    missing: Container[Share]
    rights: SharingRights
    is_strict: bool
    reports_missing: bool

    def restrict(
        self, item: ModelImportItem, was: Sharing, may_share: bool
    ) -> tuple[Sharing, list[str]]:
        """Return the sharing after the import, and notes on what is not imported.

        `was`: the sharing before; `PRIVATE` for a new model.

        Raises: Forbidden if the importer may write the model but not share it; if strict, InvalidRequest for users and groups
        that do not exist, and Forbidden for sharing that the importer may not do.
        """
        wanted, notes = item.sharing, list[str]()
        assert wanted is not UNSET
        if item.is_access_control and was.reads_as(wanted):
            return was, notes
        unknown = {one for one in wanted.shares if one in self.missing and one not in was.shares}
        if unknown:
            if self.is_strict:
                raise InvalidRequest(f"[ERROR: access_control names {describe_missing(unknown)}]")
            if self.reports_missing:
                notes.append(f"access_control: skipped {describe_missing(unknown)}")
            wanted = Sharing(tuple(one for one in wanted.shares if one not in unknown))
        if not wanted.same_as(was):
            if not may_share:
                raise Forbidden
            if not self.rights.allows(wanted):
                if self.is_strict:
                    raise Forbidden
                notes.append(f"access_control: {NOT_ALLOWED_MESSAGE}; access stays as it was")
                wanted = was
        return wanted, notes
