"""The error in a response of a model source."""

from collections.abc import Mapping

import msgspec

from portico.catalogue.source import SourceResponse


def error_in(response: SourceResponse) -> str | None:
    """Return the error message of a response; None for an answer."""
    if response.status < 400:
        return None
    try:
        found = msgspec.json.decode(response.body if isinstance(response.body, bytes) else b"null")
    except msgspec.MsgspecError:
        found = None
    error = found.get("error") if isinstance(found, Mapping) else None
    message = error.get("message") if isinstance(error, Mapping) else error
    return (
        message
        if isinstance(message, str)
        else f"The model answered with status {response.status}."
    )
