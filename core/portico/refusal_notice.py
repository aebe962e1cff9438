"""Sentences for users of a client that does not show the errors of its forms."""

from typing import Protocol


class RefusalNotice(Protocol):
    """Shows a user why a form was refused, besides the error that the request is answered with.

    A service of the plugin for such a client. Without one there is only the error.
    """

    def show(self, account_id: str, sentence: str) -> None:
        """Show a sentence in every window of an account. Never waits and never raises."""
        ...
