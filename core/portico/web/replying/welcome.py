"""The answer to whoever signs in or comes back."""

from portico.identity import Welcome
from portico.web.replying.reply import JSONBytes


def welcome_reply(welcome: Welcome) -> JSONBytes:
    """Who they are, and the cookie that keeps them signed in, where there is one to keep."""
    headers = ((b"set-cookie", welcome.cookie),) if welcome.cookie else ()
    return JSONBytes(welcome.body, headers=headers)
