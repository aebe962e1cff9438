"""What a web client needs of plugins that know nothing of it."""

from typing import Protocol


class BrowserPictures(Protocol):
    """The pictures that browsers get below the address of this server, for routes that answer with the same ones.

    A service of the plugin that serves the web client. Without one there are none.
    """

    async def read(self, path: str) -> bytes | None:
        """Return the picture at a path such as `static/favicon.png`; None if there is none."""
        ...


class RefusalNotice(Protocol):
    """Shows a user why a form was refused, besides the error that the request is answered with.

    A service of the plugin for such a client. Without one there is only the error.
    """

    def show(self, account_id: str, sentence: str) -> None:
        """Show a sentence in every window of an account. Never waits and never raises."""
        ...
