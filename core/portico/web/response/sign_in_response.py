"""The answer to whoever signs in or comes back."""

from portico.identity import SignInResult
from portico.web.response.json_response import JSONResponse


def sign_in_response(welcome: SignInResult) -> JSONResponse:
    """Who they are, and the cookie that keeps them signed in, where there is one to keep."""
    headers = ((b"set-cookie", welcome.cookie),) if welcome.cookie else ()
    return JSONResponse(welcome.body, headers=headers)
