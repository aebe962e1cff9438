"""Why a sign-in at a provider fails."""

from portico.api import InvalidRequest, SourceFailed
from portico.api.messages import INVALID_CRED

#: The message of an error without a text of its own. Source: the clients' contract.
FAILED = "[ERROR: Error during OAuth process]"


class UnknownState(InvalidRequest):
    """The browser did not start this sign-in, it started it more than ten minutes ago, or the state was used before."""

    default = "[ERROR: This sign-in was not started in this browser, or it has expired. Please start again.]"


class LoginRejected(InvalidRequest):
    """The provider's response does not identify the user.

    `why`: for the log. The user gets the same message in all cases.
    """

    default = INVALID_CRED

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class ProviderUnavailable(SourceFailed):
    """The provider does not answer, or its response is not valid. `why`: for the log."""

    default = "[ERROR: The sign-in provider could not be reached. Please try again later.]"

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why
