"""Pictures that a user has stored for an e-mail address at Gravatar, or at a server with its protocol.

Source: https://docs.gravatar.com/rest/images
"""

from hashlib import sha256
from typing import Final

from portico.api import AppContext, Forbidden, InvalidRequest
from portico.api.auth import Actor, download_picture
from portico_accounts.settings import AccountsSettings

#: Width and height in pixels; and without a picture, a drawn person.
QUERY: Final = "?s=250&d=mp"
OFF: Final = "Pictures from Gravatar are switched off on this server. Choose a picture from a file."
NOT_FETCHED: Final = (
    "The picture could not be fetched. Try again later, or choose a picture from a file."
)


class Gravatar:
    """Fetches pictures once. Only the server asks for them: browsers do not tell anyone else who reads which chat."""

    def __init__(self, app: AppContext, settings: AccountsSettings) -> None:
        self._app, self._url = app, settings.gravatar_url.rstrip("/")

    async def picture(self, email: str, actor: Actor) -> str:
        """Return the picture for an e-mail address as a `data:` URL.

        Raises: Forbidden for the address of another user, unless the actor is an administrator; InvalidRequest if it
        cannot be fetched.
        """
        address = email.strip().lower()
        if not actor.is_admin and address != actor.email.lower():
            raise Forbidden
        if self._url == "off":
            raise InvalidRequest(OFF)
        url = f"{self._url}/{sha256(address.encode(errors='replace')).hexdigest()}{QUERY}"
        is_https = url.startswith("https:")
        picture = await download_picture(self._app.safe_http, url, https_only=is_https)
        if picture is None:
            raise InvalidRequest(NOT_FETCHED)
        return picture
