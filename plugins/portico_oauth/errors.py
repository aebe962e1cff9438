"""Why a sign-in comes to nothing."""

from portico.api import INVALID_CRED, InvalidRequest, SourceFailed

#: What is said where there is no better word. Source: the clients' contract.
FAILED = "[ERROR: Error during OAuth process]"


class UnknownState(InvalidRequest):
    """Whoever comes back did not set out from here, from this browser, a moment ago, or has been back before."""

    default = (
        "[ERROR: This sign-in was not begun in this browser, or it is over. Please begin again.]"
    )


class LoginRejected(InvalidRequest):
    """What came back does not prove who somebody is.

    `why`: for the log. Whoever tries is told the same whatever it was.
    """

    default = INVALID_CRED

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class ProviderUnavailable(SourceFailed):
    """The provider does not answer, or answers with garbage. `why`: for the log."""

    default = "[ERROR: The sign-in provider could not be reached. Please try again later.]"

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why
