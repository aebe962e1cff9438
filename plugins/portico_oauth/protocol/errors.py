"""Why a sign-in fails at the provider."""

from portico.api import InvalidRequest, SourceFailed
from portico.api.messages import INVALID_CRED


class LoginRejected(InvalidRequest):
    """The provider's response does not identify the user.

    `why`: for the log. The user gets the same message in all cases.
    """

    default = INVALID_CRED

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class ClientRejected(LoginRejected):
    """The provider refuses this client, or everyone for now, and says nothing of the user or the token."""


class ClientNotAuthenticated(ClientRejected):
    """The provider does not accept the client's id and secret, or the method by which they are sent."""


class ProviderUnavailable(SourceFailed):
    """The provider does not answer, or its response is not valid. `why`: for the log."""

    default = "[ERROR: The sign-in provider could not be reached. Please try again later.]"

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why
